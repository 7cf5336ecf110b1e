import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TumourRegion } from "../../annotations/index.js";
import { exists, isEpSamError, mapConcurrently, type Reporter } from "../../common/index.js";
import { writeMaskPng, writePng } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { type ManifestRow, patchFileName, SPLITS } from "../records.js";
import { annotatedRegion, reasonOf } from "./examine.js";
import { gridOf, readPatch } from "./geometry.js";
import type { SlideSettings } from "./options.js";
import type { PlannedSlide, SlidePlan } from "./plan.js";

export interface WritingContext {
  readonly settings: SlideSettings;
  readonly openSlide: (path: string) => Promise<PixelSource>;
  /** Patches of a slide that are read at a time. */
  readonly concurrency: number;
  readonly reporter: Reporter;
  readonly signal: AbortSignal | undefined;
}

/**
 * Writes the patches of a plan, those excepted that are there already: files appear whole or not at all.
 * @returns slides with a patch that cannot be read, with the reason
 */
export async function writePlannedPatches(
  directory: string,
  plan: SlidePlan,
  context: WritingContext,
): Promise<{ readonly slide: PlannedSlide; readonly reason: string }[]> {
  const total = plan.slides.reduce((sum, { patches }) => sum + patches.length, 0);
  const failures: { slide: PlannedSlide; reason: string }[] = [];
  let done = 0;
  for (const slide of plan.slides) {
    if (slide.patches.length === 0) continue;
    const reason = await writeSlide(directory, slide, context, () => {
      done += 1;
      const detail = basename(slide.file.path);
      context.reporter.progress({ task: "writing patches", done, total, detail });
    });
    if (reason !== null) failures.push({ slide, reason });
  }
  return failures;
}

async function writeSlide(
  directory: string,
  slide: PlannedSlide,
  context: WritingContext,
  onPatch: () => void,
): Promise<string | null> {
  const { settings, openSlide, concurrency, signal } = context;
  try {
    const source = await openSlide(slide.file.path);
    try {
      const { tumour } = await annotatedRegion(slide.file, source, settings);
      await mapConcurrently(slide.patches, concurrency, async (row) => {
        signal?.throwIfAborted();
        await writePatch(directory, row, slide, source, tumour, signal);
        onPatch();
      });
    } finally {
      await source.close();
    }
    // Some things are only seen where pixels are read.
    const { warnings } = slide.examination;
    for (const warning of source.warnings) {
      if (!warnings.includes(warning)) context.reporter.warn(`${slide.file.path}: ${warning}.`);
    }
    return null;
  } catch (failure) {
    if (!isEpSamError(failure, "slide") && !isEpSamError(failure, "annotation")) throw failure;
    return reasonOf(failure.fields);
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

/** Removes files of patches that an earlier, interrupted call had planned and this one has not. */
export async function removeUnplanned(directory: string, plan: SlidePlan): Promise<void> {
  const rows = plan.slides.flatMap(({ patches }) => patches);
  for (const split of SPLITS) {
    const planned = new Set(rows.filter((row) => row.split === split).map(patchFileName));
    for (const folder of ["image", "mask"]) {
      const path = join(directory, split, folder);
      if (!(await exists(path))) continue;
      for (const name of await readdir(path)) {
        if (!planned.has(name)) await rm(join(path, name), { force: true });
      }
    }
  }
}
