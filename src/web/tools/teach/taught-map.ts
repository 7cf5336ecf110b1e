import { computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import type { LayerEntry, Teaching } from "../../../contract/index.js";
import type { SlideViewer } from "../../viewer/handle.js";

/** The map that squares have taught, as it is shown. */
export interface TaughtMap {
  /** Null while there is none. */
  readonly shown: ReadonlySignal<LayerEntry | null>;
  /** Whether it is a draft, in whose place the map comes. */
  readonly isDraft: ReadonlySignal<boolean>;
  /** Shows a map: first its draft where none was shown before, since half of what is seen is enough for that. */
  show(taught: Pick<Teaching, "layer" | "draft">): void;
  /** A draft stays as it is: other squares teach. */
  keepDraft(): void;
  hide(): void;
  dispose(): void;
}

export function openTaughtMap({ loading }: Pick<SlideViewer, "loading">): TaughtMap {
  const shown = signal<LayerEntry | null>(null);
  const next = signal<LayerEntry | null>(null);
  const end = effect(() => {
    // Afterwards: what is set in here takes effect together, and the order matters.
    if (next.value !== null && !loading.value) queueMicrotask(replaceDraft);
  });
  function replaceDraft(): void {
    const map = next.peek();
    if (map === null) return;
    shown.value = map;
    next.value = null;
  }
  return {
    shown,
    isDraft: computed(() => next.value !== null),
    show({ layer, draft }) {
      if (shown.peek() !== null) shown.value = layer;
      else {
        // In this order: then its tiles are on their way.
        shown.value = draft;
        next.value = layer;
      }
    },
    keepDraft() {
      next.value = null;
    },
    hide() {
      next.value = null;
      shown.value = null;
    },
    dispose: end,
  };
}
