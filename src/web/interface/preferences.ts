import { effect, type Signal, signal } from "@preact/signals";

/** Colours of the page; `auto` follows the system. */
export type Theme = "auto" | "light" | "dark";

/** A value that this browser remembers. Where it may not store anything, the page works without. */
function remembered<Value extends string>(
  name: string,
  values: readonly Value[],
  initial: Value,
): Signal<Value> {
  const key = `ep-sam.${name}`;
  const stored = readStored(key);
  const value = signal(values.find((candidate) => candidate === stored) ?? initial);
  effect(() => writeStored(key, value.value));
  return value;
}

function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch (cause) {
    if (cause instanceof DOMException) return null;
    throw cause;
  }
}

function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw cause;
  }
}

export const theme = remembered<Theme>("theme", ["auto", "light", "dark"], "auto");
/** Whether single letters are shortcuts; speech input may want them off (WCAG 2.1.4). */
export const letterShortcuts = remembered("letter-shortcuts", ["on", "off"] as const, "on");
export const sidebarShown = remembered("sidebar", ["shown", "hidden"] as const, "shown");
export const inspectorShown = remembered("inspector", ["shown", "hidden"] as const, "shown");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
