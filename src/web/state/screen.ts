import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { panels } from "../interface/preferences.js";

/** Below this width panels are sheets over the page; the same figure stands in `styles/`. */
const NARROW = "(max-width: 800px)";

const query = matchMedia(NARROW);
const narrowState = signal(query.matches);
query.addEventListener("change", () => {
  narrowState.value = query.matches;
});

/** Whether the screen is as narrow as a phone's. */
export const narrow: ReadonlySignal<boolean> = narrowState;

type PanelName = keyof typeof panels;

/** Which panel lies over the page on a narrow screen. */
const sheet = signal<PanelName | "none">("none");

/** Whether a panel is seen; on a narrow screen one takes another's place. */
export function isPanelSeen(panel: PanelName): boolean {
  return narrow.value ? sheet.value === panel : panels[panel].value === "shown";
}

/** Shows or hides a panel. */
export function togglePanel(panel: PanelName): void {
  if (narrow.value) sheet.value = sheet.value === panel ? "none" : panel;
  else panels[panel].value = panels[panel].value === "shown" ? "hidden" : "shown";
}

/** Closes what lies over the page on a narrow screen. */
export function closeSheet(): void {
  sheet.value = "none";
}

/** Whether the object table is seen below the slide. */
export const objectsVisible: ReadonlySignal<boolean> = computed(() => isPanelSeen("objects"));
