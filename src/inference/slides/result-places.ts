import { join } from "node:path";
import { RESULT_FILE } from "../../dataset/index.js";
import { readSummaryJson, SLIDE_RESULT_FILES } from "../export/index.js";
import { type ReplaceRule, storedResult } from "../output.js";
import type { Placed } from "./bucket-output.js";
import type { FinishedSlide, InferSlidesOptions, SegmentationSettings } from "./options.js";
import { PatchRelay } from "./patch-relay.js";
import { patchIdentity } from "./plan-slide.js";
import { readStoredSlide } from "./stored-slide.js";

/** Where the results of slides are found and go: their folders, and the bucket where one was asked for. */
export class ResultPlaces {
  readonly #options: Placed<InferSlidesOptions>;
  readonly #isSegmenting: boolean;

  /** @param isSegmenting false where only what is there is read */
  constructor(options: Placed<InferSlidesOptions>, isSegmenting: boolean) {
    this.#options = options;
    this.#isSegmenting = isSegmenting;
  }

  /** What may be done with results on this machine: those that are on their way into a bucket may always be kept. */
  get rule(): ReplaceRule {
    const { bucket, resume, overwrite } = this.#options;
    return bucket === undefined ? { resume, overwrite } : { resume: resume || !overwrite, overwrite };
  }

  /**
   * The slide's result where it is there already, made with these settings; one that is whole on this machine alone goes
   * into the bucket first.
   * @param folder of the slide on this machine
   */
  async find(stem: string, settings: SegmentationSettings, folder: string): Promise<FinishedSlide | null> {
    const { bucket, signal } = this.#options;
    if (bucket === undefined) return stored(folder, stem, settings, this.#options);
    const brought = await bucket.fetch(stem, signal);
    if (brought !== null) return stored(brought, stem, settings, this.#options);
    if (!this.#isSegmenting) return null;
    const finished = await stored(folder, stem, settings, this.rule);
    if (finished !== null) await this.publish(stem);
    return finished;
  }

  /** How patches that are done go into the bucket, where one was asked for. */
  relayOf(stem: string, settings: SegmentationSettings): PatchRelay | undefined {
    const { bucket, reporter } = this.#options;
    if (bucket === undefined) return undefined;
    return new PatchRelay(bucket.filesOf(stem), patchIdentity(settings), reporter);
  }

  /** Puts a result that is whole on this machine into the bucket, where one was asked for. */
  async publish(stem: string): Promise<void> {
    const { bucket, reporter, signal } = this.#options;
    const total = Object.keys(SLIDE_RESULT_FILES).length + 1;
    let done = 0;
    await bucket?.publish(stem, signal, (file) =>
      reporter.progress({ task: `${stem}: into the bucket`, done: done++, total, detail: file }),
    );
  }
}

async function stored(
  folder: string,
  stem: string,
  settings: SegmentationSettings,
  rule: ReplaceRule,
): Promise<FinishedSlide | null> {
  const result = await storedResult(join(folder, RESULT_FILE), readStoredSlide, settings, rule);
  if (result === null) return null;
  const summary = await readSummaryJson(join(folder, SLIDE_RESULT_FILES.summary));
  return summary === undefined ? null : { name: stem, result, summary, seconds: null };
}
