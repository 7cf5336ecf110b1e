import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { exists, isRemotePath, type Reporter } from "../../common/index.js";
import { type LabelledSquare, type NamedMpp, RESULT_FILE } from "../../dataset/index.js";
import { squaresOfSlides } from "../adaptation/squares-of-slides.js";
import { openSegmenter, type Segmenter, type SegmenterIdentity, segmenterIdentity } from "../segmenter.js";
import { trainedResolution } from "../trained-resolution.js";
import { BucketOutput, type Placed, placed } from "./bucket-output.js";
import { findNamedSlides, type SegmentedSlide } from "./find-named-slides.js";
import { firstMppOf, requireFreeResults } from "./infer-slides.js";
import type { FinishedSlide, InferSlidesOptions } from "./options.js";
import { SlidesJob } from "./slides-job.js";

/** One slide to segment, and all that decides its result beside the options; plain data. */
export interface SlideTask {
  readonly slide: SegmentedSlide;
  readonly squares: readonly LabelledSquare[] | null;
  readonly firstMpp: NamedMpp | null;
}

/** The slides of a call, to be segmented one by one, wherever. */
export interface SlideTasks {
  readonly tasks: readonly SlideTask[];
  /** Of the models that all are to be segmented with. */
  readonly identity: SegmenterIdentity;
}

/**
 * The slides that `inferSlides()` would segment, checked as it does, for workers that share files with this process.
 * @throws EpSamError as `inferSlides()` before it segments
 */
export async function planSlideTasks(given: InferSlidesOptions): Promise<SlideTasks> {
  const options = placed({ ...given, resume: true });
  const { slides } = await findNamedSlides(options);
  const stems = slides.map(({ stem }) => stem);
  await requireFreeResults(stems, options);
  const { resolution, note } = await trainedResolution(options.run, options);
  if (note !== null) options.reporter.note(note);
  const { values } = await squaresOfSlides(slides, options);
  const identity = await segmenterIdentity(options.run, options);
  const means = { segmenter: null, identity, resolution, squares: values };
  const firstMpp = (await firstMppOf(slides, options, means)) ?? null;
  const tasks = slides.map((slide) => ({ slide, squares: values.get(slide.stem) ?? null, firstMpp }));
  return { tasks, identity };
}

/**
 * When a slide's result was finished, in milliseconds since 1970; null where it is not there.
 * @param out as of `inferSlides()`
 */
export async function resultTime(out: string, stem: string): Promise<number | null> {
  if (isRemotePath(out)) return new BucketOutput(out).timeOf(stem);
  const path = resolve(out, stem, RESULT_FILE);
  return (await exists(path)) ? (await stat(path)).mtimeMs : null;
}

/** How one slide's work is told and stopped. */
export interface SlideTaskContext {
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** See `SharedOutput.patience`. */
  readonly patience: number;
}

/** A run's models, open for slides that come one by one. Close it after use. */
export class SlideBySlide {
  readonly #options: Placed<InferSlidesOptions>;
  readonly #segmenter: Segmenter;
  readonly #resolution: Awaited<ReturnType<typeof trainedResolution>>["resolution"];

  private constructor(
    options: Placed<InferSlidesOptions>,
    segmenter: Segmenter,
    resolution: Awaited<ReturnType<typeof trainedResolution>>["resolution"],
  ) {
    this.#options = options;
    this.#segmenter = segmenter;
    this.#resolution = resolution;
  }

  /** @throws EpSamError what `openSegmenter()` and `trainedResolution()` throw */
  static async open(options: InferSlidesOptions): Promise<SlideBySlide> {
    const { resolution } = await trainedResolution(options.run, options);
    return new SlideBySlide(placed(options), await openSegmenter(options.run, options), resolution);
  }

  get identity(): SegmenterIdentity {
    return this.#segmenter.identity;
  }

  /**
   * Segments a slide, or finds it done; patches that another process has done are kept.
   * @throws EpSamError `busy` when another process is at it, `slide` and `annotation` when they cannot be read
   */
  async segment(
    { slide, squares, firstMpp }: SlideTask,
    { reporter, signal, patience }: SlideTaskContext,
  ): Promise<FinishedSlide | null> {
    const { stem } = slide;
    const shared = { stems: new Set([stem]), patience };
    const job = new SlidesJob(
      { ...this.#options, resume: true, shared, reporter, signal },
      {
        segmenter: this.#segmenter,
        identity: this.identity,
        resolution: this.#resolution,
        squares: new Map(squares === null ? [] : [[stem, squares]]),
        firstMpp,
      },
    );
    return job.process(slide, stem);
  }

  close(): Promise<void> {
    return this.#segmenter.close();
  }
}
