import { type ReadonlySignal, signal } from "@preact/signals";
import { formatRoute, parseRoute, type Route } from "./hash-link.js";

const current = signal<Route>(parseRoute(location.hash));

/** Where the page is. */
export const route: ReadonlySignal<Route> = current;

addEventListener("popstate", () => {
  current.value = parseRoute(location.hash);
});

/** Goes somewhere; the browser's "back" returns. */
export function navigate(to: Route): void {
  const hash = formatRoute(to);
  if (hash !== location.hash) history.pushState(null, "", hash);
  current.value = to;
}

/** Writes where the page is into its address, without a step for "back". */
export function keepInAddress(at: Route): void {
  const hash = formatRoute(at);
  if (hash !== location.hash) history.replaceState(null, "", hash);
  current.value = at;
}
