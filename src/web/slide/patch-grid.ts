import { effect } from "@preact/signals";
import { type SlidePatch, slidePatchesSchema } from "../../contract/index.js";
import { boundsOverlap } from "../../geometry/index.js";
import { paths, requestJson } from "../api/index.js";
import { abortable } from "../interface/index.js";
import { cssColour, palette, type SlideViewer, shownBounds } from "../viewer/index.js";
import type { SlideSession } from "./session.js";

/** Patches smaller than this on the screen, in CSS pixels, have no words. */
const LEAST_LABELLED = 70;
/** Lines of patches smaller than this would hide the slide. */
const LEAST_OUTLINED = 3;

/** Outlines the patches of the session's dataset over its slide; returns the end of it. */
export function attachPatchGrid({ viewer, grid, bare }: SlideSession): () => void {
  let patches: readonly SlidePatch[] = [];
  const painter = viewer.addPicture({
    count: (margin) => (bare.peek() ? 0 : patchesWithin(viewer, patches, margin).length),
    paint(context, margin) {
      if (!bare.peek()) paintPatches(context, viewer, patchesWithin(viewer, patches, margin));
    },
  });
  const ends = [
    abortable(() => {
      const dataset = grid.value;
      patches = [];
      painter.repaint();
      if (dataset === null) return null;
      const path = paths.slidePatches(viewer.slide.peek().id, dataset);
      return async (signal) => {
        patches = await requestJson(slidePatchesSchema, path, { signal });
        painter.repaint();
        viewer.announce(`${patches.length} patches are outlined.`);
      };
    }),
    effect(() => {
      void bare.value;
      painter.repaint();
    }),
    painter.remove,
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Patches in the view and so many CSS pixels around it that are large enough to be seen. */
function patchesWithin(
  viewer: SlideViewer,
  patches: readonly SlidePatch[],
  margin: number,
): readonly SlidePatch[] {
  const { zoom } = viewer.view.peek();
  const shown = shownBounds(viewer, margin);
  return patches.filter(({ x, y, side }) => {
    const bounds = { left: x, top: y, right: x + side, bottom: y + side };
    return side * zoom >= LEAST_OUTLINED && boundsOverlap(bounds, shown);
  });
}

/** Positive patches have a full line, negative ones a dashed one: colour alone does not tell them apart. */
function paintPatches(
  context: CanvasRenderingContext2D,
  viewer: SlideViewer,
  patches: readonly SlidePatch[],
): void {
  const { zoom } = viewer.view.peek();
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "top";
  for (const patch of patches) {
    outline(context, viewer, patch);
    if (patch.side * zoom >= LEAST_LABELLED) label(context, viewer, patch);
  }
}

function outline(
  context: CanvasRenderingContext2D,
  viewer: SlideViewer,
  { x, y, side, label: positive }: SlidePatch,
) {
  const corners = (
    [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ] as const
  ).map(([right, down]) => viewer.toScreen([x + right * side, y + down * side]));
  context.beginPath();
  for (const corner of corners) context.lineTo(corner.x, corner.y);
  context.closePath();
  context.setLineDash([]);
  context.lineWidth = 3.5;
  context.strokeStyle = "rgb(255 255 255 / 70%)";
  context.stroke();
  context.lineWidth = 1.5;
  context.setLineDash(positive === 1 ? [] : [5, 4]);
  context.strokeStyle = cssColour(positive === 1 ? palette.vermillion : palette.blue);
  context.stroke();
}

function label(context: CanvasRenderingContext2D, viewer: SlideViewer, patch: SlidePatch): void {
  const { x, y } = viewer.toScreen([patch.x, patch.y]);
  const fraction = patch.tumourFraction === null ? "" : ` ${Math.round(patch.tumourFraction * 100)} %`;
  const text = `${patch.label === 1 ? "tumour" : "normal"}${fraction} · ${patch.split}`;
  const { width } = context.measureText(text);
  context.fillStyle = "rgb(255 255 255 / 88%)";
  context.fillRect(x + 3, y + 3, width + 8, 17);
  context.fillStyle = "#16191b";
  context.fillText(text, x + 7, y + 5);
}
