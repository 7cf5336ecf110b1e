import { effect, type Signal, signal, untracked } from "@preact/signals";
import type { SlideDetail } from "../../contract/index.js";
import { firstSetting } from "../layers/index.js";
import { type Beside, formatRoute, type LayerSetting, type Route, slideRoute } from "../routing/hash-link.js";
import { keepInAddress, navigate, route } from "../routing/location.js";
import { type OpenViewer, sameView, type ViewState } from "../viewer/index.js";

/** What the user has chosen for the open slide; the link of the page keeps it. */
export interface SlideSession {
  readonly viewer: OpenViewer;
  readonly layers: Signal<readonly LayerSetting[]>;
  /** Dataset whose patches are outlined. */
  readonly grid: Signal<string | null>;
  /** What is seen beside the slide, or under its curtain. */
  readonly beside: Signal<Beside | null>;
  /** Everything over the slide is hidden for a moment. */
  readonly bare: Signal<boolean>;
  /** Whether coordinates to go to are asked for. */
  readonly goingTo: Signal<boolean>;
  /** Shows a place; the browser's "back" returns to the present one. */
  goTo(view: ViewState): void;
  dispose(): void;
}

/**
 * The layers that are shown when the link names none: the result, if there is one, else what somebody has annotated, as
 * outlines, so that the tissue stays in view.
 */
export function firstLayers({ layers }: SlideDetail): readonly LayerSetting[] {
  const result = layers.find(({ kind }) => kind === "tumour-mask");
  const truth = layers.find(({ kind }) => kind === "ground-truth");
  if (result !== undefined) return [firstSetting(result)];
  return truth === undefined ? [] : [{ ...firstSetting(truth), map: "outline" }];
}

/** Keeps viewer, choices and link together, whichever of them changes. */
export function createSession(viewer: OpenViewer, given: Extract<Route, { page: "slide" }>): SlideSession {
  const slide = viewer.slide.value;
  const layers = signal(given.layers ?? firstLayers(slide));
  const grid = signal(given.grid);
  const beside = signal(given.beside);
  const bare = signal(false);
  const goingTo = signal(false);
  const here = () => ({
    ...slideRoute(slide.id),
    view: viewer.settledView.value,
    layers: layers.value,
    grid: grid.value,
    beside: beside.value,
  });
  // The viewer settles once before it has opened; that view is not worth a link.
  let opened = false;
  const ends = [
    effect(() => viewer.showLayers(bare.value ? [] : layers.value)),
    effect(() => {
      const now = here();
      const at = route.peek();
      // A movement may end when the page is already elsewhere.
      const stillHere = at.page === "slide" && at.slide === slide.id;
      if (opened && stillHere) untracked(() => keepInAddress(now));
      opened = true;
    }),
    effect(() => {
      const to = route.value;
      if (to.page === "slide" && to.slide === slide.id) untracked(() => follow(to));
    }),
  ];

  /** "Back", "forward", a link, or an address that was typed. */
  function follow(to: Extract<Route, { page: "slide" }>): void {
    if (to.layers !== null && formatRoute({ ...here(), layers: to.layers }) !== formatRoute(here())) {
      layers.value = to.layers;
    }
    if (to.view !== null || to.grid !== null) grid.value = to.grid;
    const isWhole = to.view === null && to.beside === null;
    if (!isWhole && formatRoute({ ...here(), beside: to.beside }) !== formatRoute(here())) {
      beside.value = to.beside;
    }
    if (to.view !== null && !sameView(to.view, viewer.settledView.value)) viewer.setView(to.view);
  }

  return {
    viewer,
    layers,
    grid,
    beside,
    bare,
    goingTo,
    goTo: (view) => navigate({ ...here(), view }),
    dispose() {
      for (const end of ends) end();
    },
  };
}
