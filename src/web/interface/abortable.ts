import { effect, untracked } from "@preact/signals";
import { showProblem } from "./notices.js";

/**
 * Work that begins anew, the earlier one aborted, whenever the signals change that `begin` reads; what fails is shown.
 * @returns ends it
 */
export function abortable(begin: () => ((signal: AbortSignal) => Promise<void>) | null): () => void {
  return effect(() => {
    const work = begin();
    if (work === null) return undefined;
    const controller = new AbortController();
    untracked(() => void work(controller.signal).catch(showProblem));
    return () => controller.abort();
  });
}
