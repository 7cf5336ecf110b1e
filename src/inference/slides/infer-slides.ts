import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { hashBytes, remotePaths, writeFileAtomically } from "../../common/index.js";
import {
  compareMpp,
  type LabelledSquare,
  type NamedMpp,
  RESULT_FILE,
  type Resolution,
} from "../../dataset/index.js";
import { openSlide, type PixelSource } from "../../slides/index.js";
import { adaptationOf } from "../adaptation/adaptation-of.js";
import { type SquaresOfSlides, squaresOfSlides } from "../adaptation/squares-of-slides.js";
import {
  exportSlideResults,
  readSummaryJson,
  SLIDE_RESULT_FILES,
  type SlideSummary,
  writeSummaryCsv,
} from "../export/index.js";
import {
  type ClaimedPath,
  forEachInput,
  lockResults,
  ownMarks,
  requireFreeOutput,
  storedResult,
} from "../output.js";
import { openSegmenter, type Segmenter } from "../segmenter.js";
import { trainedResolution } from "../trained-resolution.js";
import { expertTumour, slideAgreement } from "./agreement.js";
import { findNamedSlides, type SegmentedSlide, type SlidesToSegment } from "./find-named-slides.js";
import { missingPixels } from "./missing-pixels.js";
import type { InferSlidesOptions, InferSlidesResult, SlideResult } from "./options.js";
import { patchIdentity, planSlide, type SegmentationPlan } from "./plan-slide.js";
import { type SlideSegmentation, segmentSlide } from "./segment-slide.js";
import { readStoredSlide } from "./stored-slide.js";
import { tissueOfSlide } from "./tissue-of-slide.js";

/** Of the output directory. */
const SUMMARY_TABLE = "summary.csv";
/** Of a slide's folder. */
const WORK_FOLDER = "work";

/** A slide that is finished. */
type FinishedSlide = InferSlidesResult["slides"][number];

/**
 * Segments whole slides and writes for each a folder of its name: mask, probability and activation map as pyramidal
 * TIFF, outlines as GeoJSON and ASAP XML, an overlay, figures; and a table of all slides. Slides that cannot be read
 * are left out and listed in the result.
 * @throws EpSamError `usage` when there are no slides, or results are there already and neither `resume` nor
 *   `overwrite` is given, or a resumed directory holds results of another model or other settings; what
 *   {@link openSegmenter} and {@link trainedResolution} throw; `storage` when the disk is full
 */
export async function inferSlides(given: InferSlidesOptions): Promise<InferSlidesResult> {
  const options = { ...given, inputs: remotePaths(given.inputs) };
  const found = await findNamedSlides(options);
  const { slides } = found;
  const stems = slides.map(({ stem }) => stem);
  await requireFreeOutput(claimedPaths(options.out, stems), options);
  const { resolution, note } = await trainedResolution(options.run, options);
  if (note !== null) options.reporter.note(note);
  const squares = await squaresOfSlides(found.slides, options);
  const segmenter = await openSegmenter(options.run, options);
  try {
    const job = new SlidesJob(options, { segmenter, resolution, squares: squares.values });
    const result = await job.run(found);
    return { ...result, skipped: [...squares.skipped, ...result.skipped] };
  } finally {
    await segmenter.close();
  }
}

/** A slide's results are a folder of its name; the table of all slides is made anew by every call. */
export function claimedPaths(out: string, stems: readonly string[]): ClaimedPath[] {
  const table = join(out, SUMMARY_TABLE);
  const folders = stems.map((stem) => join(out, stem));
  return [
    ...folders.map((path) => ({ path, marks: ownMarks(path, join(path, WORK_FOLDER)) })),
    { path: table, marks: [table] },
  ];
}

/** What all slides of a call are segmented with. */
interface SlideMeans {
  readonly segmenter: Segmenter;
  readonly resolution: Resolution;
  readonly squares: SquaresOfSlides["values"];
}

/** How one slide is segmented, and where its results go. */
interface SlideWork {
  readonly segmenter: Segmenter;
  readonly plan: SegmentationPlan;
  readonly task: string;
  readonly folder: string;
}

/** One call of {@link inferSlides} with its models open. */
class SlidesJob {
  readonly #options: InferSlidesOptions;
  readonly #segmenter: Segmenter;
  readonly #resolution: Resolution;
  readonly #squares: SquaresOfSlides["values"];
  readonly #finished: FinishedSlide[] = [];
  /** The first slide whose resolution is known; where the run has none, it is what others are compared with. */
  #firstMpp: NamedMpp | null = null;

  constructor(options: InferSlidesOptions, { segmenter, resolution, squares }: SlideMeans) {
    this.#options = options;
    this.#segmenter = segmenter;
    this.#resolution = resolution;
    this.#squares = squares;
  }

  async run({ slides, skipped: leftOut, warnings }: SlidesToSegment): Promise<InferSlidesResult> {
    const { out } = this.#options;
    const unreadable = ["slide", "annotation"] as const;
    const skipped = await forEachInput(slides, unreadable, this.#options, async (slide, index) => {
      const task = slides.length === 1 ? slide.stem : `${slide.stem} (${index + 1} of ${slides.length})`;
      this.#finished.push(await this.#process(slide, task));
    });
    const summaries = this.#finished.map(({ summary }) => summary);
    if (summaries.length > 0) await writeSummaryCsv(join(out, SUMMARY_TABLE), summaries);
    const resumed = this.#finished.filter(({ seconds }) => seconds === null).length;
    return { root: out, slides: this.#finished, resumed, skipped: [...leftOut, ...skipped], warnings };
  }

  async #process(slide: SegmentedSlide, task: string): Promise<FinishedSlide> {
    const open = this.#options.openSlide ?? ((path: string) => openSlide(path));
    const source = await open(slide.path);
    try {
      const squares = this.#squares.get(slide.stem);
      if (squares === undefined) return await this.#processSource(slide, source, task, this.#segmenter);
      const segmenter = await this.#adapted(slide, source, squares);
      try {
        return await this.#processSource(slide, source, task, segmenter);
      } finally {
        await segmenter.close();
      }
    } finally {
      await source.close();
    }
  }

  async #adapted(
    { stem }: SegmentedSlide,
    source: PixelSource,
    squares: readonly LabelledSquare[],
  ): Promise<Segmenter> {
    const options = { ...this.#options, known: this.#options.mppOf?.get(stem) };
    const { layout } = await planSlide(source, this.#resolution, this.#segmenter.identity, options);
    const adaptation = adaptationOf({ ...options, source, squares, geometry: layout.geometry });
    return openSegmenter(options.run, { ...options, adaptation });
  }

  async #processSource(
    slide: SegmentedSlide,
    source: PixelSource,
    task: string,
    segmenter: Segmenter,
  ): Promise<FinishedSlide> {
    const { out, reporter } = this.#options;
    const options = { ...this.#options, known: this.#options.mppOf?.get(slide.stem) };
    const planned = await planSlide(source, this.#resolution, segmenter.identity, options);
    const plan = { ...planned, warnings: [...planned.warnings, ...this.#compareWithFirst(slide, planned)] };
    for (const warning of plan.warnings) reporter.warn(`${slide.path}: ${warning}.`);
    const folder = join(out, slide.stem);
    const unlock = await lockResults(folder);
    try {
      // Another call may have finished it since.
      const file = join(folder, RESULT_FILE);
      await requireFreeOutput([{ path: file, marks: [file] }], this.#options);
      const stored = await storedResult(file, readStoredSlide, plan.settings, this.#options);
      const summary =
        stored === null ? undefined : await readSummaryJson(join(folder, SLIDE_RESULT_FILES.summary));
      if (stored !== null && summary !== undefined) {
        return { name: slide.stem, result: stored, summary, seconds: null };
      }
      return await this.#segment(slide, source, { segmenter, plan, task, folder });
    } finally {
      await unlock();
    }
  }

  /**
   * What is told of slides that are read at one level and were scanned at several resolutions.
   * @throws EpSamError `slide` when it is another magnification, and that is not meant
   */
  #compareWithFirst({ path }: SegmentedSlide, { settings }: SegmentationPlan): string[] {
    const { mpp } = settings.reading;
    if ("mpp" in this.#resolution || mpp === null) return [];
    this.#firstMpp ??= { of: basename(path), mpp };
    const { anyResolution } = this.#options;
    const action = "The run does not tell at which it learned: give that as `patchMpp`.";
    const rule = { anyResolution, action, tag: "slide" } as const;
    return [compareMpp(this.#firstMpp, { of: path, mpp }, rule) ?? []].flat();
  }

  async #segment(
    slide: SegmentedSlide,
    source: PixelSource,
    { segmenter, plan, task, folder }: SlideWork,
  ): Promise<FinishedSlide> {
    const { reporter } = this.#options;
    const name = slide.stem;
    const started = performance.now();
    const warn = (warnings: readonly string[] = []): void => {
      for (const warning of warnings) reporter.warn(`${slide.path}: ${warning}.`);
    };
    // Read before the work of hours, which a malformed file would make useless.
    const expert =
      slide.annotation === null ? null : await expertTumour(slide.annotation, source, this.#options);
    warn(expert?.warnings);
    const tissueMask = await tissueOfSlide(slide.path, source, plan.settings, { ...this.#options, task });
    warn(tissueMask?.warnings);
    const [full] = source.levels;
    const segmentation = await segmentSlide(segmenter, source, {
      ...plan,
      name,
      tissue: tissueMask,
      workDirectory: join(folder, WORK_FOLDER),
      identity: patchIdentity(plan.settings),
      overwrite: this.#options.overwrite,
      signal: this.#options.signal,
      onPatch: (done, total, segmented) =>
        reporter.progress({ task: `${task}: patches`, done, total, detail: `${segmented} past the gate` }),
      onTile: (done, total) => reporter.progress({ task: `${task}: blending`, done, total }),
    });
    try {
      const missing = await missingPixels(source, plan.layout, segmentation.patches, this.#options.signal);
      const level0TissueArea =
        tissueMask === null ? null : tissueMask.share * (full?.width ?? 0) * (full?.height ?? 0);
      // What is replaced is incomplete from here on.
      await rm(join(folder, RESULT_FILE), { force: true });
      const summary = await this.#export(slide, source, plan, segmentation, level0TissueArea, folder);
      const { geoJsonOrigin = { x: 0, y: 0 } } = plan.settings.outlines;
      const outlines = { path: join(folder, SLIDE_RESULT_FILES.geojson), origin: geoJsonOrigin };
      const agreement =
        expert === null
          ? null
          : await slideAgreement(expert.region, outlines, segmentation, plan.layout, this.#options.signal);
      const result: SlideResult = {
        formatVersion: 1,
        file: slide.path,
        width: full?.width ?? 0,
        height: full?.height ?? 0,
        settings: plan.settings,
        patches: segmentation.counts,
        agreement,
        warnings: [slide, source, plan, tissueMask, expert, { warnings: missing }].flatMap(
          (told) => told?.warnings ?? [],
        ),
      };
      warn([...source.warnings, ...missing]);
      await writeFileAtomically(join(folder, RESULT_FILE), `${JSON.stringify(result, null, 2)}\n`);
      await segmentation.discard();
      return { name, result, summary, seconds: (performance.now() - started) / 1000 };
    } catch (failure) {
      await segmentation.close();
      throw failure;
    }
  }

  /** Writes the exports of a slide. */
  async #export(
    { stem }: SegmentedSlide,
    source: PixelSource,
    { settings }: SegmentationPlan,
    { mask, probability, activation }: SlideSegmentation,
    level0TissueArea: number | null,
    folder: string,
  ): Promise<SlideSummary> {
    const { micronsPerPixel, model, outlines } = settings;
    const { reporter, signal } = this.#options;
    const identity = { run: hashBytes(JSON.stringify(model)), slide: stem };
    const input = { mask, probability, activation, micronsPerPixel, level0TissueArea, identity };
    const total = Object.keys(SLIDE_RESULT_FILES).length;
    let done = 0;
    const onFile = (file: string): void =>
      reporter.progress({ task: `${stem}: writing`, done: done++, total, detail: file });
    const { summary } = await exportSlideResults(source, input, folder, {
      tolerance: outlines.tolerance ?? undefined,
      minimumArea: outlines.minimumArea,
      geoJsonOrigin: outlines.geoJsonOrigin,
      signal,
      onFile,
    });
    return summary;
  }
}
