import type { SlidePatch } from "../../contract/index.js";
import { nameKey, type PatchRecord } from "../../dataset/index.js";
import type { PixelSource } from "../../slides/index.js";
import { type IndexedDataset, patchesOfSlide } from "./dataset-index.js";

/** Where a dataset's patches lie on the slide they were cut from; those without a place are left out. */
export function patchGrid(
  dataset: IndexedDataset,
  slideName: string,
  source: Pick<PixelSource, "levels" | "micronsPerPixel">,
): SlidePatch[] {
  return patchesOfSlide(dataset, slideName).flatMap((patch) => {
    if (patch.x === null || patch.y === null) return [];
    const side = dataset.patchSize * pixelSizeOf(dataset, patch, source);
    const { id, split, label, tumourFraction, x, y } = patch;
    return [{ patch: id, split, label, tumourFraction, x, y, side }];
  });
}

/** Level-0 pixels per pixel of a patch: as recorded, by the resolutions, or by the level that was read. */
function pixelSizeOf(
  { pixelSizes }: IndexedDataset,
  { slide, mpp, level }: PatchRecord,
  { levels, micronsPerPixel }: Pick<PixelSource, "levels" | "micronsPerPixel">,
): number {
  const recorded = pixelSizes.get(nameKey(slide));
  if (recorded !== undefined) return recorded;
  if (mpp !== null && micronsPerPixel !== null) return (2 * mpp) / (micronsPerPixel.x + micronsPerPixel.y);
  return levels[level ?? 0]?.downsample ?? 1;
}
