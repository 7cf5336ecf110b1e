import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { objectsShown } from "../interface/preferences.js";

/** Below this width panels are sheets over the page; the same figure stands in `styles/`. */
const NARROW = "(max-width: 800px)";

const query = matchMedia(NARROW);
const narrowState = signal(query.matches);
query.addEventListener("change", () => {
  narrowState.value = query.matches;
});

/** Whether the screen is as narrow as a phone's. */
export const narrow: ReadonlySignal<boolean> = narrowState;

/** Which sheet lies over the page on a narrow screen. */
export const sheet = signal<"none" | "sidebar" | "inspector" | "objects">("none");

/** Whether the object table is seen below the slide; on a narrow screen it takes the panel's place. */
export const objectsVisible: ReadonlySignal<boolean> = computed(() =>
  narrow.value ? sheet.value === "objects" : objectsShown.value === "shown",
);
