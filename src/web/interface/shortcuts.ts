import { type ReadonlySignal, signal } from "@preact/signals";

/** Where a shortcut listens: everywhere on the page, or while the slide has the keyboard focus. */
export type ShortcutScope = "page" | "slide";

export interface Shortcut {
  /** As `KeyboardEvent.key` names it, with `Mod+` (Ctrl, or ⌘ on a Mac), `Shift+`, `Alt+` before it: `Mod+z`, `?`, `ArrowLeft`. */
  readonly key: string;
  /** What it does, for the help sheet. */
  readonly title: string;
  /** Heading in the help sheet. */
  readonly group: string;
  /** `page` when left out. */
  readonly scope?: ShortcutScope;
  /** Left out of the help sheet, as a second key for the same. */
  readonly hidden?: boolean;
  run(event: KeyboardEvent): void;
}

/** Shortcuts under one heading of the help sheet. */
export function shortcutGroup(
  group: string,
  scope: ShortcutScope,
  keys: readonly (readonly [key: string, title: string, run: Shortcut["run"]])[],
): Shortcut[] {
  return keys.map(([key, title, run]) => ({ key, title, group, scope, run }));
}

/** The page's keyboard shortcuts, as the help sheet lists them. */
export interface ShortcutRegistry {
  /** Adds shortcuts; the later of two with the same key wins. Returns the function that takes them away. */
  register(...shortcuts: readonly Shortcut[]): () => void;
  readonly all: ReadonlySignal<readonly Shortcut[]>;
}

/** Makes a registry; the page has one, tests make their own. */
export function createShortcutRegistry(): ShortcutRegistry & {
  find(key: string, scopes: readonly ShortcutScope[]): Shortcut | undefined;
} {
  const all = signal<readonly Shortcut[]>([]);
  return {
    all,
    register(...shortcuts) {
      all.value = [...all.value, ...shortcuts];
      return () => {
        all.value = all.value.filter((shortcut) => !shortcuts.includes(shortcut));
      };
    },
    find: (key, scopes) =>
      all.value.findLast((shortcut) => shortcut.key === key && scopes.includes(shortcut.scope ?? "page")),
  };
}

/** The name of a key with its modifiers, as {@link Shortcut.key} writes it. */
export function keyName(event: {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  // Shift is part of a sign such as "?" and is named only beside letters and named keys.
  const shift = event.shiftKey && (event.key.length > 1 || /\p{L}/u.test(event.key));
  return [
    event.ctrlKey || event.metaKey ? "Mod+" : "",
    event.altKey ? "Alt+" : "",
    shift ? "Shift+" : "",
    key === " " ? "Space" : key,
  ].join("");
}
