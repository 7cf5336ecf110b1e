import { effect, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type LayerEntry, type Thresholds, thresholdsSchema } from "../../contract/index.js";
import { isAbort, paths, problemOf, requestJson } from "../api/index.js";
import { type Loaded, showMessage, showProblem } from "../interface/index.js";
import { type Editor, importText } from "../tools/index.js";
import type { SlideViewer } from "../viewer/index.js";
import { probabilityText, USUAL_THRESHOLD } from "./threshold-figures.js";
import { ThresholdPainter } from "./threshold-painter.js";

/** Milliseconds that a least area rests before foci are counted anew. */
const REST = 300;

/** A threshold on a map of the open slide, painted over it. */
export interface OpenThreshold {
  /** The map; null while none has a threshold. */
  readonly layer: Signal<LayerEntry | null>;
  /** Grey level from which on there is tumour, 1 to 255. */
  readonly threshold: Signal<number>;
  /** Square level-0 pixels of the least focus. */
  readonly minimumPixels: Signal<number>;
  readonly figures: ReadonlySignal<Loaded<Thresholds>>;
  /** Keeps the outlines as objects to be judged. */
  keep(): Promise<void>;
  dispose(): void;
}

/** @param isHidden whether everything over the slide is hidden for a moment */
export function openThreshold(
  viewer: SlideViewer,
  editor: Editor,
  isHidden: ReadonlySignal<boolean>,
): OpenThreshold {
  const layer = signal<LayerEntry | null>(null);
  const threshold = signal(USUAL_THRESHOLD);
  const minimumPixels = signal(0);
  const figures = signal<Loaded<Thresholds>>({ state: "loading" });
  const painted = viewer.addPainter((context) => {
    const shown = layer.peek();
    if (shown !== null && !isHidden.peek()) painter.paint(context, shown, threshold.peek());
  });
  const painter = new ThresholdPainter(viewer, painted.repaint);
  const ends = [
    () => painter.dispose(),
    () => painted.remove(),
    effect(() => {
      void [layer.value, threshold.value, isHidden.value];
      painted.repaint();
    }),
    effect(() => {
      // A layer that is gone has no threshold.
      const { layers } = viewer.slide.value;
      const id = layer.value?.id;
      if (id !== undefined && !layers.some((one) => one.id === id)) layer.value = null;
    }),
    followFigures(viewer, editor, { layer, minimumPixels, figures }),
  ];
  return {
    layer,
    threshold,
    minimumPixels,
    figures,
    async keep() {
      const { value } = layer;
      if (value === null) return;
      const wanted = { layer: value.id, threshold: threshold.value, minimumPixels: minimumPixels.value };
      try {
        const { added, warnings } = await editor.store.importFrom(wanted);
        showMessage(`At ${probabilityText(wanted.threshold)}: ${importText(added, warnings)}`);
      } catch (thrown) {
        showProblem(thrown);
      }
    },
    dispose() {
      for (const end of ends) end();
    },
  };
}

/** Fetches the figures of the map, and again when its foci are counted otherwise, or annotations have been saved. */
function followFigures(
  viewer: SlideViewer,
  editor: Editor,
  state: Pick<OpenThreshold, "layer" | "minimumPixels"> & { readonly figures: Signal<Loaded<Thresholds>> },
): () => void {
  let request = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let shown: string | null = null;
  const end = effect(() => {
    const id = state.layer.value?.id ?? null;
    const path = paths.thresholds(viewer.slide.peek().id, id ?? "", state.minimumPixels.value);
    void editor.store.objects.value;
    const isSaved = editor.store.saveState.value.state === "saved";
    clearTimeout(timer);
    if (id === null || !isSaved) return;
    if (shown !== id) state.figures.value = { state: "loading" };
    const ask = () => {
      request.abort();
      request = new AbortController();
      requestJson(thresholdsSchema, path, { signal: request.signal }).then(
        (value) => {
          state.figures.value = { state: "ready", value };
        },
        (thrown: unknown) => {
          if (!isAbort(thrown)) state.figures.value = { state: "failed", problem: problemOf(thrown) };
        },
      );
    };
    timer = setTimeout(ask, shown === id ? REST : 0);
    shown = id;
  });
  return () => {
    end();
    clearTimeout(timer);
    request.abort();
  };
}
