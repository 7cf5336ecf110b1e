import type { ComponentChildren } from "preact";
import { useId, useRef } from "preact/hooks";

export interface Tab<Name extends string> {
  readonly name: Name;
  readonly title: string;
  readonly content: () => ComponentChildren;
}

interface TabsProps<Name extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Name>[];
  readonly chosen: NoInfer<Name>;
  onChoose(name: Name): void;
}

/** Tabs after the ARIA pattern: arrow keys move between them, the chosen one is the only tab stop. */
export function Tabs<Name extends string>({ label, tabs, chosen, onChoose }: TabsProps<Name>) {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  const current = tabs.find(({ name }) => name === chosen) ?? tabs[0];
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key] ?? 0;
    const at = tabs.findIndex(({ name }) => name === current?.name);
    const next =
      event.key === "Home" ? tabs[0] : event.key === "End" ? tabs.at(-1) : tabs.at((at + step) % tabs.length);
    if (next === undefined || next === current) return;
    event.preventDefault();
    event.stopPropagation();
    onChoose(next.name);
    list.current?.querySelector<HTMLElement>(`[data-tab="${next.name}"]`)?.focus();
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label={label} ref={list} onKeyDown={move}>
        {tabs.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`${id}-${name}`}
            data-tab={name}
            aria-selected={name === current?.name}
            aria-controls={`${id}-panel`}
            tabIndex={name === current?.name ? 0 : -1}
            onClick={() => onChoose(name)}
          >
            {title}
          </button>
        ))}
      </div>
      <div
        class="tab-panel"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${current?.name ?? ""}`}
      >
        {current?.content()}
      </div>
    </div>
  );
}
