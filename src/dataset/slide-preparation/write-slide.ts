import { join } from "node:path";
import { z } from "zod";
import type { TumourRegion } from "../../annotations/index.js";
import { exists, isEpSamError, isRemotePath, mapConcurrently, skipReason } from "../../common/index.js";
import { writeMaskPng, writePng } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { type ManifestRow, patchFileName } from "../records.js";
import { annotatedRegion } from "./examine.js";
import { gridOf, readPatch } from "./geometry.js";
import type { SlideSettings } from "./options.js";
import type { PlannedSlide } from "./plan.js";

/** Patches of a slide on a server that are read at a time, at least: each waits for answers. */
const REMOTE_CONCURRENCY = 12;

export interface SlideWritingContext {
  readonly settings: SlideSettings;
  readonly openSlide: (path: string) => Promise<PixelSource>;
  /** Patches of a slide that are read at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal | undefined;
}

export const writtenSchema = z.object({
  /** Why a patch cannot be read, or null. */
  refused: z.string().nullable(),
  /** What was only seen where pixels are read. */
  warnings: z.array(z.string()),
});

/** Writes the planned patches of a slide, those excepted that are there already: files appear whole or not at all. */
export async function writeSlide(
  directory: string,
  slide: PlannedSlide,
  context: SlideWritingContext,
  onPatch: () => void,
): Promise<z.infer<typeof writtenSchema>> {
  const { settings, openSlide, concurrency, signal } = context;
  try {
    const source = await openSlide(slide.file.path);
    try {
      const { tumour } = await annotatedRegion(slide.file, source, settings);
      const atOnce = isRemotePath(slide.file.path) ? Math.max(concurrency, REMOTE_CONCURRENCY) : concurrency;
      await mapConcurrently(slide.patches, atOnce, async (row) => {
        signal?.throwIfAborted();
        await writePatch(directory, row, slide, source, tumour, signal);
        onPatch();
      });
    } finally {
      await source.close();
    }
    const known = slide.examination.warnings;
    return { refused: null, warnings: source.warnings.filter((warning) => !known.includes(warning)) };
  } catch (failure) {
    if (!isEpSamError(failure, "slide") && !isEpSamError(failure, "annotation")) throw failure;
    return { refused: skipReason(failure.fields), warnings: [] };
  }
}

async function writePatch(
  directory: string,
  row: ManifestRow,
  { geometry }: PlannedSlide,
  source: PixelSource,
  tumour: TumourRegion,
  signal: AbortSignal | undefined,
): Promise<void> {
  const position = { x: row.x ?? 0, y: row.y ?? 0 };
  const name = patchFileName(row);
  const maskPath = join(directory, row.split, "mask", name);
  // A negative needs a mask only where a negative limit above 0 let some tumour in.
  const needsMask = row.label === 1 || (row.tumourFraction ?? 0) > 0;
  if (needsMask && !(await exists(maskPath))) {
    await writeMaskPng(maskPath, tumour.rasterise(gridOf(position, geometry)));
  }
  const imagePath = join(directory, row.split, "image", name);
  if (await exists(imagePath)) return;
  await writePng(imagePath, await readPatch(source, position, geometry, signal));
}
