import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { EpSamError, hashBytes, writeFileAtomically } from "../../common/index.js";
import {
  compareMpp,
  type LabelledSquare,
  type NamedMpp,
  RESULT_FILE,
  type Resolution,
} from "../../dataset/index.js";
import { openSlide, type PixelSource } from "../../slides/index.js";
import { adaptationOf } from "../adaptation/adaptation-of.js";
import type { SquaresOfSlides } from "../adaptation/squares-of-slides.js";
import { exportSlideResults, SLIDE_RESULT_FILES, type SlideSummary } from "../export/index.js";
import { lockResults, requireFreeOutput } from "../output.js";
import { openSegmenter, type Segmenter, type SegmenterIdentity, segmenterIdentity } from "../segmenter.js";
import { expertTumour, slideAgreement } from "./agreement.js";
import type { Placed } from "./bucket-output.js";
import type { SegmentedSlide } from "./find-named-slides.js";
import { missingPixels } from "./missing-pixels.js";
import type { FinishedSlide, InferSlidesOptions, SlideResult } from "./options.js";
import { patchIdentity, planSlide, type SegmentationPlan } from "./plan-slide.js";
import { ResultPlaces } from "./result-places.js";
import { type SlideSegmentation, segmentSlide } from "./segment-slide.js";
import { tissueOfSlide } from "./tissue-of-slide.js";
import { leaveToOther, takenOver } from "./work-folder.js";

/** Of a slide's folder. */
export const WORK_FOLDER = "work";

/** What all slides of a call are segmented with. */
export interface SlideMeans {
  /** Null where nothing is segmented, and only what is there is read. */
  readonly segmenter: Segmenter | null;
  readonly identity: SegmenterIdentity;
  readonly resolution: Resolution;
  readonly squares: SquaresOfSlides["values"];
  /**
   * The first of all slides whose resolution is known: where the run has none, it is what others are compared with. Left
   * out where this call sees all of them in their order.
   */
  readonly firstMpp?: NamedMpp | null | undefined;
}

/** How one slide is segmented, and where its results go. */
interface SlideWork {
  readonly segmenter: Segmenter;
  readonly signal: AbortSignal | undefined;
  readonly plan: SegmentationPlan;
  readonly task: string;
  readonly folder: string;
}

/** One call of `inferSlides()` with its models open. */
export class SlidesJob {
  readonly #options: Placed<InferSlidesOptions>;
  readonly #means: SlideMeans;
  readonly #results: ResultPlaces;
  #firstMpp: NamedMpp | null | undefined;

  constructor(options: Placed<InferSlidesOptions>, means: SlideMeans) {
    this.#options = options;
    this.#means = means;
    this.#results = new ResultPlaces(options, means.segmenter !== null);
    this.#firstMpp = means.firstMpp;
  }

  /**
   * Segments a slide, or reads its result where it is there already.
   * @returns null where it is not, and nothing is segmented
   */
  async process(slide: SegmentedSlide, task: string): Promise<FinishedSlide | null> {
    return this.#using(slide, async (source) => {
      const { segmenter, identity } = this.#means;
      const squares = this.#means.squares.get(slide.stem);
      if (squares === undefined) return this.#processSource(slide, source, { task, identity, segmenter });
      const adaptation = await this.#adaptation(slide, source, squares);
      if (segmenter === null) {
        const adapted = await segmenterIdentity(this.#options.run, { ...this.#options, adaptation });
        return this.#processSource(slide, source, { task, identity: adapted, segmenter });
      }
      const adapted = await openSegmenter(this.#options.run, { ...this.#options, adaptation });
      try {
        const { identity: ofAdapted } = adapted;
        return await this.#processSource(slide, source, { task, identity: ofAdapted, segmenter: adapted });
      } finally {
        await adapted.close();
      }
    });
  }

  /** The slide's resolution, null where the file does not tell it or cannot be read. */
  async mppOf(slide: SegmentedSlide): Promise<NamedMpp | null> {
    try {
      return await this.#using(slide, async (source) => {
        const { mpp } = (await this.#plan(slide, source, this.#means.identity)).settings.reading;
        return mpp === null ? null : { of: basename(slide.path), mpp };
      });
    } catch (failure) {
      if (failure instanceof EpSamError && failure.tag === "slide") return null;
      throw failure;
    }
  }

  async #using<T>(slide: SegmentedSlide, work: (source: PixelSource) => Promise<T>): Promise<T> {
    const open = this.#options.openSlide ?? ((path: string) => openSlide(path));
    const source = await open(slide.path);
    try {
      return await work(source);
    } finally {
      await source.close();
    }
  }

  #plan({ stem }: SegmentedSlide, source: PixelSource, identity: SegmenterIdentity) {
    const options = { ...this.#options, known: this.#options.mppOf?.get(stem) };
    return planSlide(source, this.#means.resolution, identity, options);
  }

  async #adaptation(slide: SegmentedSlide, source: PixelSource, squares: readonly LabelledSquare[]) {
    const { layout } = await this.#plan(slide, source, this.#means.identity);
    return adaptationOf({ ...this.#options, source, squares, geometry: layout.geometry });
  }

  async #processSource(
    slide: SegmentedSlide,
    source: PixelSource,
    using: {
      readonly task: string;
      readonly identity: SegmenterIdentity;
      readonly segmenter: Segmenter | null;
    },
  ): Promise<FinishedSlide | null> {
    const { reporter } = this.#options;
    const planned = await this.#plan(slide, source, using.identity);
    const plan = { ...planned, warnings: [...planned.warnings, ...this.#compareWithFirst(slide, planned)] };
    for (const warning of plan.warnings) reporter.warn(`${slide.path}: ${warning}.`);
    const folder = join(this.#options.out, slide.stem);
    const { segmenter, task } = using;
    if (segmenter === null) return this.#results.find(slide.stem, plan.settings, folder);
    const lost = new AbortController();
    const onLost = () => lost.abort(takenOver(folder));
    const lock = await lockResults(folder, { patience: this.#options.shared?.patience, onLost });
    try {
      // Another call may have finished it since.
      const file = join(folder, RESULT_FILE);
      await requireFreeOutput([{ path: file, marks: [file] }], this.#results.rule);
      const stored = await this.#results.find(slide.stem, plan.settings, folder);
      if (stored !== null) return stored;
      if (lock.isTakenOver) await leaveToOther(join(folder, WORK_FOLDER));
      const { signal: asked } = this.#options;
      const signal = asked === undefined ? lost.signal : AbortSignal.any([asked, lost.signal]);
      return await this.#segment(slide, source, { segmenter, signal, plan, task, folder });
    } finally {
      await lock.release();
    }
  }

  /**
   * What is told of slides that are read at one level and were scanned at several resolutions.
   * @throws EpSamError `slide` when it is another magnification, and that is not meant
   */
  #compareWithFirst({ path }: SegmentedSlide, { settings }: SegmentationPlan): string[] {
    const { mpp } = settings.reading;
    if ("mpp" in this.#means.resolution || mpp === null) return [];
    this.#firstMpp ??= { of: basename(path), mpp };
    const { anyResolution } = this.#options;
    const action = "The run does not tell at which it learned: give that as `patchMpp`.";
    const rule = { anyResolution, action, tag: "slide" } as const;
    return [compareMpp(this.#firstMpp, { of: path, mpp }, rule) ?? []].flat();
  }

  async #segment(
    slide: SegmentedSlide,
    source: PixelSource,
    { segmenter, signal, plan, task, folder }: SlideWork,
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
    const tissueMask = await tissueOfSlide(slide.path, source, plan.settings, {
      ...this.#options,
      signal,
      task,
    });
    warn(tissueMask?.warnings);
    const [full] = source.levels;
    const segmentation = await segmentSlide(segmenter, source, {
      ...plan,
      name,
      tissue: tissueMask,
      workDirectory: join(folder, WORK_FOLDER),
      identity: patchIdentity(plan.settings),
      overwrite: this.#options.overwrite,
      signal,
      relay: this.#results.relayOf(name, plan.settings),
      onPatch: (done, total, segmented) =>
        reporter.progress({ task: `${task}: patches`, done, total, detail: `${segmented} past the gate` }),
      onTile: (done, total) => reporter.progress({ task: `${task}: blending`, done, total }),
    });
    try {
      const missing = await missingPixels(source, plan.layout, segmentation.patches, signal);
      const level0TissueArea =
        tissueMask === null ? null : tissueMask.share * (full?.width ?? 0) * (full?.height ?? 0);
      // A call that took this slide over may have finished it while this one stood still.
      const finished = await this.#results.find(name, plan.settings, folder);
      if (finished !== null) {
        await segmentation.close();
        return finished;
      }
      // What is replaced is incomplete from here on.
      await rm(join(folder, RESULT_FILE), { force: true });
      const summary = await this.#export(slide, source, plan, segmentation, {
        level0TissueArea,
        folder,
        signal,
      });
      const { geoJsonOrigin = { x: 0, y: 0 } } = plan.settings.outlines;
      const outlines = { path: join(folder, SLIDE_RESULT_FILES.geojson), origin: geoJsonOrigin };
      const agreement =
        expert === null
          ? null
          : await slideAgreement(expert.region, outlines, segmentation, plan.layout, signal);
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
      await this.#results.publish(name);
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
    {
      level0TissueArea,
      folder,
      signal,
    }: Pick<SlideWork, "folder" | "signal"> & { readonly level0TissueArea: number | null },
  ): Promise<SlideSummary> {
    const { micronsPerPixel, model, outlines } = settings;
    const { reporter } = this.#options;
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
