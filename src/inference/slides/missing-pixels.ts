import type { PixelSource } from "../../slides/index.js";
import { type PatchLayout, type PlacedPatch, placedCoverage } from "../patches/layout.js";

/** What is said of patches that were segmented though the file does not have all of their pixels, or not at the level. */
export async function missingPixels(
  source: PixelSource,
  layout: PatchLayout,
  patches: readonly PlacedPatch[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const counts = { stored: 0, finer: 0, missing: 0 };
  for (const patch of patches) counts[await placedCoverage(source, layout, patch, signal)] += 1;
  const of = (count: number): string => `${count} of ${patches.length} patches with tissue`;
  const { level } = layout.geometry;
  return [
    ...(counts.missing === 0
      ? []
      : [
          `${of(counts.missing)} have pixels that the file lacks, taken as white: do not rely on the result there`,
        ]),
    ...(counts.finer === 0
      ? []
      : [`${of(counts.finer)} are drawn in part from a finer level, since level ${level} lacks tiles`]),
  ];
}
