import { computed, effect, type Signal } from "@preact/signals";
import type { SlideDetail } from "../../contract/index.js";
import { announce, listen, shortcuts } from "../interface/index.js";
import { firstSetting } from "../layers/index.js";
import { isPlain, type Look, pixelChange } from "../looking/index.js";
import type { Beside } from "../routing/hash-link.js";
import { type OpenViewer, openViewer } from "../viewer/index.js";
import { alignmentOf, framesOf, placesOf, viewHere, viewThere } from "./alignment.js";
import { linkViews } from "./link-views.js";

/** The second of two viewers. */
export interface OpenBeside {
  readonly viewer: OpenViewer;
  readonly inMicrons: boolean;
  /** Lets the two be moved by themselves, or links them as they are then. */
  toggleLink(): void;
  /** Links the two by their places again. */
  resetAlignment(): void;
  dispose(): void;
}

/** What is seen beside a slide first: the same slide with a layer that is not shown on it. */
export function firstBeside(slide: SlideDetail, shown: readonly { readonly id: string }[]): Beside {
  const other = slide.layers.find(({ id }) => shown.every((layer) => layer.id !== id));
  return {
    slide: slide.id,
    layers: other === undefined ? [] : [firstSetting(other)],
    curtain: null,
    alignment: null,
    released: null,
  };
}

interface BesideOptions {
  readonly element: HTMLElement;
  readonly here: OpenViewer;
  readonly detail: SlideDetail;
  readonly beside: Signal<Beside | null>;
  readonly look: Signal<Look>;
}

/** Opens a slide in a second viewer and moves it with the first. */
export function openBeside({ element, here, detail, beside, look }: BesideOptions): OpenBeside {
  const frames = framesOf(here.slide.peek(), detail);
  const places = placesOf(frames);
  const alignment = computed(() => beside.value?.alignment ?? places);
  const linked = computed(() => beside.value?.released === null);
  const first = beside.peek()?.released ?? viewThere(here.view.peek(), frames, alignment.peek());
  const viewer = openViewer({ element, navigator: null, slide: detail, view: first, shortcuts, announce });
  viewer.openSeadragon.canvas.setAttribute("aria-label", `Beside: ${detail.name}. Arrow keys move it.`);
  const change = (changed: Partial<Beside>) => {
    const before = beside.peek();
    if (before !== null) beside.value = { ...before, ...changed };
  };
  const layers = computed(() => JSON.stringify(beside.value?.layers ?? []));
  const ends = [
    listen(element, {
      keydown: (event) => {
        if (moveByKey(viewer, event)) event.preventDefault();
      },
    }),
    linkViews({
      ...{ here, there: viewer, linked },
      toThere: (view) => viewThere(view, frames, alignment.value),
      toHere: (view) => viewHere(view, frames, alignment.value),
    }),
    effect(() => {
      void layers.value;
      viewer.showLayers(beside.peek()?.layers ?? []);
    }),
    effect(() => viewer.changePixels(isPlain(look.value) ? null : pixelChange(look.value))),
    // Where the released one looks belongs to the link.
    effect(() => {
      const view = viewer.settledView.value;
      if (!linked.peek()) change({ released: view });
    }),
  ];
  return {
    viewer,
    inMicrons: frames.inMicrons,
    toggleLink() {
      if (linked.peek()) {
        change({ released: viewer.view.peek() });
        announce("The two are let go: each moves by itself.");
        return;
      }
      const views = { here: here.view.peek(), there: viewer.view.peek() };
      change({ released: null, alignment: alignmentOf(views, frames) });
      announce("The two move together, as they lie now.");
    },
    resetAlignment() {
      change({ released: null, alignment: null });
      announce(frames.inMicrons ? "Aligned by microns." : "Aligned by their middles.");
    },
    dispose() {
      for (const end of ends) end();
      viewer.dispose();
    },
  };
}

const PAN = 0.2;
const ZOOM = 1.5;

/** The keys that move the first viewer, for the second; whether it was one of them. */
function moveByKey(viewer: OpenViewer, { key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  if (ctrlKey || metaKey || altKey) return false;
  const moves: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => viewer.panBy(-PAN, 0),
    ArrowRight: () => viewer.panBy(PAN, 0),
    ArrowUp: () => viewer.panBy(0, -PAN),
    ArrowDown: () => viewer.panBy(0, PAN),
    "+": () => viewer.zoomBy(ZOOM),
    "=": () => viewer.zoomBy(ZOOM),
    "-": () => viewer.zoomBy(1 / ZOOM),
    "0": () => viewer.fit(),
    r: () => viewer.turnBy(90),
    R: () => viewer.turnBy(-90),
    "[": () => viewer.turnBy(-5),
    "]": () => viewer.turnBy(5),
  };
  const move = moves[key];
  move?.();
  return move !== undefined;
}
