import { type ReadonlySignal, signal } from "@preact/signals";
import { formatRoute, parseRoute, type Route } from "./hash-link.js";

const current = signal<Route>(parseRoute(location.hash));

/** Where the page is. */
export const route: ReadonlySignal<Route> = current;

addEventListener("popstate", () => {
  // Of the place that was left.
  if (waiting !== null) clearTimeout(waiting);
  waiting = null;
  current.value = parseRoute(location.hash);
});

/** Browsers refuse more than some seven changes of the address a second; a dragged slider makes more. */
const INTERVAL = 200;
let written = Number.NEGATIVE_INFINITY;
let waiting: ReturnType<typeof setTimeout> | null = null;

/** Goes somewhere; the browser's "back" returns. */
export function navigate(to: Route): void {
  write();
  const hash = formatRoute(to);
  if (hash !== location.hash) history.pushState(null, "", hash);
  current.value = to;
}

/** Writes where the page is into its address, without a step for "back". */
export function keepInAddress(at: Route): void {
  current.value = at;
  const rest = written + INTERVAL - performance.now();
  if (rest <= 0) write();
  else waiting ??= setTimeout(write, rest);
}

/** What waits to be written is written now. */
function write(): void {
  if (waiting !== null) clearTimeout(waiting);
  waiting = null;
  const hash = formatRoute(current.peek());
  if (hash === location.hash) return;
  written = performance.now();
  history.replaceState(null, "", hash);
}

addEventListener("pagehide", write);
