import { join } from "node:path";
import { EpSamError, exists, hashBytes, isEpSamError, writeFileAtomically } from "../common/index.js";
import type { InputImage, SkippedInput } from "../dataset/index.js";
import { decodeRgb, readInputFile } from "../imaging/index.js";
import { findImages } from "./find-images.js";
import type { InferenceOptions } from "./inference-options.js";
import { type ImageResult, readImageResult, resultPaths, writeResult } from "./result-files.js";
import { segmentImage } from "./segment-image.js";
import { openSegmenter, type Segmenter } from "./segmenter.js";
import { DEFAULT_OVERLAP } from "./tiles.js";

/** Name of the file in the output directory that lists what was done; its presence marks such a directory. */
export const SUMMARY_FILE = "inference.json";

export interface InferOptions extends InferenceOptions {
  /** Image files, folders of images, datasets. */
  readonly inputs: readonly string[];
  /** Microns per pixel of the images, for areas; never guessed. */
  readonly mpp?: number | undefined;
}

export interface InferResult {
  readonly root: string;
  /** Results of all images, those of an earlier, resumed call included. */
  readonly images: readonly ImageResult[];
  /** How many of them were there already. */
  readonly resumed: number;
  readonly skipped: readonly SkippedInput[];
}

/**
 * Segments images and writes for each a mask, a map of tumour probability, a heat map of the class activation, an
 * overlay and a JSON file. Images that cannot be read are left out and listed in the result.
 * @throws EpSamError `usage` when results are there already and neither `resume` nor `overwrite` is given, or a
 *   resumed directory holds results of another model or other settings; what {@link openSegmenter} and
 *   {@link findImages} throw; `storage` when a file cannot be written.
 */
export async function inferImages(options: InferOptions): Promise<InferResult> {
  const { images, skipped } = await findImages(options.inputs);
  await requireFreeOutput(options, images);
  const segmenter = await openSegmenter(options.run, options);
  try {
    const job = new InferenceJob(options, segmenter, [...skipped]);
    return await job.run(images);
  } finally {
    await segmenter.close();
  }
}

/** Nothing that is there may be replaced unless the user says so; resuming may replace unfinished results. */
async function requireFreeOutput(
  { out, resume, overwrite }: InferOptions,
  images: readonly InputImage[],
): Promise<void> {
  if (overwrite) return;
  const isResumable = resume === true && (await exists(join(out, SUMMARY_FILE)));
  if (isResumable) return;
  const files = [SUMMARY_FILE, ...images.flatMap(({ stem }) => Object.values(resultPaths(stem)))];
  for (const file of files) {
    if (!(await exists(join(out, file)))) continue;
    throw new EpSamError("usage", {
      what: "exists already",
      where: join(out, file),
      action: "Go on with `resume: true`, choose another `out`, or replace it with `overwrite: true`.",
    });
  }
}

/** One call of {@link inferImages} with its models open. */
class InferenceJob {
  readonly #options: InferOptions;
  readonly #segmenter: Segmenter;
  readonly #overlap: number;
  readonly #skipped: SkippedInput[];
  readonly #results: ImageResult[] = [];

  constructor(options: InferOptions, segmenter: Segmenter, skipped: SkippedInput[]) {
    this.#options = options;
    this.#segmenter = segmenter;
    this.#overlap = options.overlap ?? DEFAULT_OVERLAP;
    this.#skipped = skipped;
  }

  async run(images: readonly InputImage[]): Promise<InferResult> {
    const { out, reporter, signal } = this.#options;
    await this.#writeSummary("running");
    let resumed = 0;
    for (const [index, image] of images.entries()) {
      signal?.throwIfAborted();
      try {
        const task = `image ${index + 1}/${images.length}: ${image.stem}`;
        if (await this.#processImage(image, task)) resumed++;
      } catch (failure) {
        if (!isEpSamError(failure, "input-image")) throw failure;
        reporter.warn(`${failure.message} Left out.`);
        const { what, why } = failure.fields;
        this.#skipped.push({ file: image.path, reason: why === undefined ? what : `${what} (${why})` });
      }
    }
    await this.#writeSummary("done");
    return { root: out, images: this.#results, resumed, skipped: this.#skipped };
  }

  /** @returns true when the results were there already. */
  async #processImage({ stem, path }: InputImage, task: string): Promise<boolean> {
    const { out, mpp = null, reporter, signal } = this.#options;
    const bytes = await readInputFile(path, "input-image");
    const sha256 = hashBytes(bytes);
    const stored = await this.#stored(stem, sha256);
    if (stored !== undefined) {
      this.#results.push(stored);
      return true;
    }
    const image = await decodeRgb(bytes, path);
    const segmentation = await segmentImage(this.#segmenter, image, {
      name: stem,
      overlap: this.#overlap,
      signal,
      onTile: (done, total) => reporter.progress({ task, done, total }),
    });
    const { width, height } = image;
    const { tumourPixels, tiles } = segmentation;
    const { result: _json, ...outputs } = resultPaths(stem);
    const result: ImageResult = {
      formatVersion: 1,
      file: path,
      sha256,
      width,
      height,
      ...this.#settings(),
      tumour: {
        pixels: tumourPixels,
        fraction: tumourPixels / (width * height),
        squareMicrons: mpp === null ? null : tumourPixels * mpp ** 2,
      },
      outputs,
      tiles: [...tiles],
    };
    await writeResult(out, stem, image, segmentation, result);
    this.#results.push(result);
    return false;
  }

  /** What decides the results beside the image. */
  #settings(): Pick<ImageResult, "mpp" | "model" | "overlap"> {
    const { identity } = this.#segmenter;
    return {
      mpp: this.#options.mpp ?? null,
      model: { ...identity, weights: { ...identity.weights } },
      overlap: this.#overlap,
    };
  }

  /** The image's result of an earlier call when it may be kept. */
  async #stored(stem: string, sha256: string): Promise<ImageResult | undefined> {
    const { out, resume, overwrite } = this.#options;
    const file = join(out, resultPaths(stem).result);
    if (!resume || !(await exists(file))) return undefined;
    const stored = await readImageResult(file);
    const difference = stored === undefined ? "format" : this.#difference(stored, sha256);
    if (difference === undefined) return stored;
    if (overwrite) return undefined;
    throw new EpSamError("usage", {
      what: "is not a result of this call",
      where: file,
      why: `its ${difference} differs`,
      action: "Choose another `out`, or replace such results with `resume: true` and `overwrite: true`.",
    });
  }

  #difference(stored: ImageResult, sha256: string): string | undefined {
    if (stored.sha256 !== sha256) return "image";
    const settings = this.#settings();
    const keys = ["model", "overlap", "mpp"] as const;
    return keys.find((key) => JSON.stringify(stored[key]) !== JSON.stringify(settings[key]));
  }

  async #writeSummary(state: "running" | "done"): Promise<void> {
    const { run, out } = this.#options;
    const summary = {
      formatVersion: 1,
      state,
      run,
      ...this.#settings(),
      images: this.#results.map(({ file, tumour, tiles }) => ({ file, tumour, tiles: tiles.length })),
      skipped: this.#skipped,
    };
    await writeFileAtomically(join(out, SUMMARY_FILE), `${JSON.stringify(summary, null, 2)}\n`);
  }
}
