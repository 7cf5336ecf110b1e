import { effect, type Signal, signal } from "@preact/signals";
import { readStored, writeStored } from "./browser-storage.js";

/** Colours of the page; `auto` follows the system. */
export type Theme = "auto" | "light" | "dark";

/** A value that this browser remembers. */
function remembered<Value extends string>(
  name: string,
  values: readonly Value[],
  initial: Value,
): Signal<Value> {
  const key = `ep-sam.${name}`;
  const stored = readStored("localStorage", key);
  const value = signal(values.find((candidate) => candidate === stored) ?? initial);
  effect(() => writeStored("localStorage", key, value.value));
  return value;
}

/** A text that this browser remembers; empty for none. */
function rememberedText(name: string): Signal<string> {
  const key = `ep-sam.${name}`;
  const value = signal(readStored("localStorage", key) ?? "");
  effect(() => writeStored("localStorage", key, value.value === "" ? null : value.value));
  return value;
}

export const theme = remembered<Theme>("theme", ["auto", "light", "dark"], "auto");
/** Whether single letters are shortcuts; speech input may want them off (WCAG 2.1.4). */
export const letterShortcuts = remembered("letter-shortcuts", ["on", "off"] as const, "on");
/** Whether what lies beside a page is shown, where the screen has room. */
export const panels = {
  sidebar: remembered("sidebar", ["shown", "hidden"] as const, "shown"),
  objects: remembered("objects", ["shown", "hidden"] as const, "hidden"),
  inspector: remembered("inspector", ["shown", "hidden"] as const, "shown"),
};
/** Whether the browser tells of jobs that end while somebody is elsewhere. */
export const jobNotices = remembered("job-notices", ["on", "off"] as const, "off");
/** Who sits here: kept with every change of annotations. */
export const authorName = rememberedText("author");

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});
