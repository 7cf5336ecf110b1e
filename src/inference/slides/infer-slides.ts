import { join } from "node:path";
import { remotePaths } from "../../common/index.js";
import { squaresOfSlides } from "../adaptation/squares-of-slides.js";
import { writeSummaryCsv } from "../export/index.js";
import { type ClaimedPath, forEachInput, ownMarks, requireFreeOutput } from "../output.js";
import { openSegmenter, segmenterIdentity } from "../segmenter.js";
import { trainedResolution } from "../trained-resolution.js";
import { type Placed, placed } from "./bucket-output.js";
import { findNamedSlides, type SegmentedSlide } from "./find-named-slides.js";
import type { CollectedSlides, FinishedSlide, InferSlidesOptions, InferSlidesResult } from "./options.js";
import { type SlideMeans, SlidesJob, WORK_FOLDER } from "./slides-job.js";

/** Of the output directory. */
const SUMMARY_TABLE = "summary.csv";
/** Tags of errors that say that a slide cannot be read. */
const UNREADABLE = ["slide", "annotation"] as const;

/**
 * Segments whole slides and writes for each a folder of its name: mask, probability and activation map as pyramidal
 * TIFF, outlines as GeoJSON and ASAP XML, an overlay, figures; and a table of all slides. Slides that cannot be read
 * are left out and listed in the result. With `shared`, these are some of the slides alone, and no table is written.
 * @throws EpSamError `usage` when there are no slides, or results are there already and neither `resume` nor
 *   `overwrite` is given, or a resumed directory holds results of another model or other settings; what
 *   {@link openSegmenter} and {@link trainedResolution} throw; `storage` when the disk is full
 */
export async function inferSlides(given: InferSlidesOptions): Promise<InferSlidesResult> {
  const { shared } = given;
  const inputs = remotePaths(given.inputs);
  const options = placed({ ...given, inputs, ...(shared === undefined ? {} : { resume: true }) });
  const found = await findNamedSlides(options);
  const isOwn = ({ stem }: SegmentedSlide): boolean => shared === undefined || shared.stems.has(stem);
  const slides = found.slides.filter(isOwn);
  const stems = slides.map(({ stem }) => stem);
  await requireFreeResults(stems, options, shared === undefined);
  const { resolution, note } = await trainedResolution(options.run, options);
  if (note !== null) options.reporter.note(note);
  const squares = await squaresOfSlides(found.slides, options);
  const segmenter = await openSegmenter(options.run, options);
  try {
    const { identity } = segmenter;
    const means: SlideMeans = { segmenter, identity, resolution, squares: squares.values };
    const firstMpp = shared === undefined ? undefined : await firstMppOf(found.slides, options, means);
    const job = new SlidesJob(options, { ...means, firstMpp });
    const { finished, skipped } = await goThrough(slides, job, options);
    const result = { root: given.out, slides: finished, resumed: resumedOf(finished) };
    // What concerns no slide is told where all are joined.
    if (shared !== undefined) return { ...result, skipped, warnings: [] };
    await writeTable(options, finished);
    const leftOut = [...squares.skipped, ...found.skipped, ...skipped];
    return { ...result, skipped: leftOut, warnings: found.warnings };
  } finally {
    await segmenter.close();
  }
}

/**
 * Joins what calls of {@link inferSlides} have made of the slides, whichever of them made it: writes the table of all
 * slides that have results. Nothing is segmented.
 * @returns what `inferSlides` would have, and the slides that have no result yet
 * @throws EpSamError `usage` when a result is of another model or other settings
 */
export async function collectSlides(given: InferSlidesOptions): Promise<CollectedSlides> {
  const inputs = remotePaths(given.inputs);
  const options = placed({ ...given, inputs, resume: true, overwrite: false });
  const found = await findNamedSlides(options);
  const { resolution } = await trainedResolution(options.run, options);
  const squares = await squaresOfSlides(found.slides, options);
  const identity = await segmenterIdentity(options.run, options);
  const job = new SlidesJob(options, { segmenter: null, identity, resolution, squares: squares.values });
  const { finished, skipped, missing } = await goThrough(found.slides, job, options);
  await writeTable(options, finished);
  return {
    root: given.out,
    slides: finished,
    resumed: finished.length,
    skipped: [...squares.skipped, ...found.skipped, ...skipped],
    warnings: found.warnings,
    missing,
  };
}

/** The first slide whose resolution is known, as one call for all slides would find it; null where that is of no use. */
export async function firstMppOf(
  slides: readonly SegmentedSlide[],
  options: InferSlidesOptions,
  means: SlideMeans,
): Promise<SlideMeans["firstMpp"]> {
  if ("mpp" in means.resolution) return null;
  const job = new SlidesJob(options, means);
  for (const slide of slides) {
    const first = await job.mppOf(slide);
    if (first !== null) return first;
  }
  return null;
}

/** @throws EpSamError `usage` when results are there already that may neither be kept nor replaced */
export async function requireFreeResults(
  stems: readonly string[],
  options: Placed<InferSlidesOptions>,
  withTable = true,
): Promise<void> {
  const { bucket, out, signal } = options;
  if (bucket === undefined) await requireFreeOutput(claimedPaths(out, stems, withTable), options);
  else await bucket.requireFree(stems, options, signal);
}

/** A slide's results are a folder of its name; the table of all slides is made anew by every call. */
export function claimedPaths(out: string, stems: readonly string[], withTable = true): ClaimedPath[] {
  const table = join(out, SUMMARY_TABLE);
  const folders = stems.map((stem) => join(out, stem));
  return [
    ...folders.map((path) => ({ path, marks: ownMarks(path, join(path, WORK_FOLDER)) })),
    ...(withTable ? [{ path: table, marks: [table] }] : []),
  ];
}

async function goThrough(slides: readonly SegmentedSlide[], job: SlidesJob, options: InferSlidesOptions) {
  const finished: FinishedSlide[] = [];
  const missing: string[] = [];
  const skipped = await forEachInput(slides, UNREADABLE, options, async (slide, index) => {
    const task = slides.length === 1 ? slide.stem : `${slide.stem} (${index + 1} of ${slides.length})`;
    const result = await job.process(slide, task);
    if (result === null) missing.push(slide.stem);
    else finished.push(result);
  });
  return { finished, missing, skipped };
}

async function writeTable(
  { out, bucket, signal }: Placed<InferSlidesOptions>,
  finished: readonly FinishedSlide[],
): Promise<void> {
  const summaries = finished.map(({ summary }) => summary);
  if (summaries.length === 0) return;
  await writeSummaryCsv(join(out, SUMMARY_TABLE), summaries);
  await bucket?.publishFile(SUMMARY_TABLE, signal);
}

function resumedOf(finished: readonly FinishedSlide[]): number {
  return finished.filter(({ seconds }) => seconds === null).length;
}
