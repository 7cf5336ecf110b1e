import { resolve } from "node:path";
import type { Reporter } from "../../common/index.js";
import { type LabelledSquare, type NamedMpp, RESULT_FILE } from "../../dataset/index.js";
import { squaresOfSlides } from "../adaptation/squares-of-slides.js";
import { requireFreeOutput } from "../output.js";
import { openSegmenter, type Segmenter, type SegmenterIdentity, segmenterIdentity } from "../segmenter.js";
import { trainedResolution } from "../trained-resolution.js";
import { findNamedSlides, type SegmentedSlide } from "./find-named-slides.js";
import { claimedPaths, firstMppOf } from "./infer-slides.js";
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
  const options = { ...given, resume: true };
  const { slides } = await findNamedSlides(options);
  const stems = slides.map(({ stem }) => stem);
  await requireFreeOutput(claimedPaths(options.out, stems), options);
  const { resolution, note } = await trainedResolution(options.run, options);
  if (note !== null) options.reporter.note(note);
  const { values } = await squaresOfSlides(slides, options);
  const identity = await segmenterIdentity(options.run, options);
  const means = { segmenter: null, identity, resolution, squares: values };
  const firstMpp = (await firstMppOf(slides, options, means)) ?? null;
  const tasks = slides.map((slide) => ({ slide, squares: values.get(slide.stem) ?? null, firstMpp }));
  return { tasks, identity };
}

/** Where a slide's result lies, which is written last. */
export function resultPathOf(out: string, stem: string): string {
  return resolve(out, stem, RESULT_FILE);
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
  readonly #options: InferSlidesOptions;
  readonly #segmenter: Segmenter;
  readonly #resolution: Awaited<ReturnType<typeof trainedResolution>>["resolution"];

  private constructor(
    options: InferSlidesOptions,
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
    return new SlideBySlide(options, await openSegmenter(options.run, options), resolution);
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
