import { z } from "zod";
import type { TumourRegion } from "../../annotations/index.js";
import { isEpSamError, isRemotePath, mapConcurrently, skipReason } from "../../common/index.js";
import { encodeMaskPng, encodePng } from "../../imaging/index.js";
import { type PixelSource, type SharedFiles, sharedFiles } from "../../slides/index.js";
import { type ManifestRow, patchFileName, SPLITS } from "../records.js";
import { annotatedRegion } from "./examine.js";
import { gridOf, readPatch } from "./geometry.js";
import type { SlideSettings } from "./options.js";
import type { PlannedSlide } from "./plan.js";

/** Patches that are read from a server, or written to one, at a time, at least: each waits for answers. */
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
      const files = sharedFiles(directory);
      const there = await writtenNames(files, slide);
      const isRemote = isRemotePath(slide.file.path) || isRemotePath(directory);
      const atOnce = isRemote ? Math.max(concurrency, REMOTE_CONCURRENCY) : concurrency;
      await mapConcurrently(slide.patches, atOnce, async (row) => {
        signal?.throwIfAborted();
        await writePatch({ files, there, slide, source, tumour, signal }, row);
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

/** Names, with their folders, of the slide's patches and masks that are there already. */
async function writtenNames(files: SharedFiles, { patches }: PlannedSlide): Promise<ReadonlySet<string>> {
  const there = new Set<string>();
  for (const split of SPLITS) {
    const names = patches.filter((row) => row.split === split).map(patchFileName);
    for (const kind of ["image", "mask"]) {
      const folder = `${split}/${kind}`;
      for (const name of await files.present(folder, names)) there.add(`${folder}/${name}`);
    }
  }
  return there;
}

interface PatchWriting {
  readonly files: SharedFiles;
  /** See {@link writtenNames}. */
  readonly there: ReadonlySet<string>;
  readonly slide: PlannedSlide;
  readonly source: PixelSource;
  readonly tumour: TumourRegion;
  readonly signal: AbortSignal | undefined;
}

async function writePatch(
  { files, there, slide: { geometry }, source, tumour, signal }: PatchWriting,
  row: ManifestRow,
): Promise<void> {
  const position = { x: row.x ?? 0, y: row.y ?? 0 };
  const name = patchFileName(row);
  const mask = `${row.split}/mask/${name}`;
  // A negative needs a mask only where a negative limit above 0 let some tumour in; of what is known in parts there is none.
  const needsMask = row.tumourFraction !== null && (row.label === 1 || row.tumourFraction > 0);
  if (needsMask && !there.has(mask)) {
    await files.write(mask, await encodeMaskPng(tumour.rasterise(gridOf(position, geometry))));
  }
  const image = `${row.split}/image/${name}`;
  if (there.has(image)) return;
  await files.write(image, await encodePng(await readPatch(source, position, geometry, signal)));
}
