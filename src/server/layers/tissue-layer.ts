import { WorkQueue } from "../../common/index.js";
import type { LayerEntry } from "../../contract/index.js";
import { findTissue, type TissueMask, tissueGrid } from "../../dataset/index.js";
import type { GreyImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { SharedWork } from "../shared-work.js";
import { levelAt, tilePlace } from "../tile-place.js";
import { opaqueId } from "../workspace/identifiers.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { halvedLevels, type Layer } from "./layer.js";

/** Masks kept; a slide of 100,000 pixels along each side takes 5 MB. */
const MASK_CACHE_BYTES = 64 * 2 ** 20;
const WAITING_MASKS = 64;

/** Tissue masks of slides, each computed when the first of its tiles is asked for. */
export class TissueMasks {
  readonly found = new SharedWork<TissueMask>(MASK_CACHE_BYTES, ({ width, height }) => (width * height) / 8);
  /** One at a time, beside thumbnails, which need not wait for it. */
  readonly queue = new WorkQueue({ running: 1, waiting: WAITING_MASKS });
}

/** Where a slide has tissue by the rule that preparation and inference use. */
export function tissueLayer(
  context: ServerContext,
  masks: TissueMasks,
  slide: WorkspaceSlide,
  source: PixelSource,
  version: string,
): Layer {
  const grid = tissueGrid(source);
  const entry: LayerEntry = {
    id: opaqueId("layer", "tissue-mask", slide.path, version),
    kind: "tissue-mask",
    title: "Tissue",
    origin: "Otsu's threshold of the saturation",
    levels: halvedLevels({ ...grid, downsample: grid.cellSize }),
    values: "mask",
  };
  return {
    entry,
    async readTile(index, column, row, signal) {
      const level = levelAt(entry.levels, index);
      const place = tilePlace(level, column, row);
      const mask = await masks.found.get(entry.id, signal, (aborted) =>
        context.openSlides.use(slide.path, (opened) =>
          masks.queue.run(aborted, () => findTissue(opened, "otsu", { signal: aborted })),
        ),
      );
      return cellsOf(mask, place, 2 ** index);
    },
  };
}

/** Every `step`-th cell of a part of the mask, those in the middle of the squares they stand for. */
function cellsOf(
  mask: TissueMask,
  place: { readonly left: number; readonly top: number; readonly width: number; readonly height: number },
  step: number,
): GreyImage {
  const { left, top, width, height } = place;
  const data = new Uint8Array(width * height);
  const middle = (at: number, extent: number): number =>
    Math.min(extent - 1, at * step + Math.floor(step / 2));
  for (let y = 0; y < height; y++) {
    const row = middle(top + y, mask.height);
    for (let x = 0; x < width; x++) {
      if (mask.isTissue(middle(left + x, mask.width), row)) data[y * width + x] = 255;
    }
  }
  return { width, height, data };
}
