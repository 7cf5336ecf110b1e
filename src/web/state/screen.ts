import { type ReadonlySignal, signal } from "@preact/signals";

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
export const sheet = signal<"none" | "sidebar" | "inspector">("none");
