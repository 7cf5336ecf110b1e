import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hashBytes, writeFileAtomically } from "../../common/index.js";
import { type InputImage, imageMpp, RESULT_FILE, type SkippedInput } from "../../dataset/index.js";
import { decodeRgb, readInputFile } from "../../imaging/index.js";
import { imageSource } from "../../slides/index.js";
import type { InferenceOptions } from "../options.js";
import { type ClaimedPath, forEachInput, lockResults, requireFreeOutput, storedResult } from "../output.js";
import { DEFAULT_OVERLAP } from "../patches/layout.js";
import type { WorkFolder } from "../patches/segment-patches.js";
import { findImages } from "../recognise-inputs.js";
import { openSegmenter, type Segmenter } from "../segmenter.js";
import { compareImagesWithRun } from "../trained-resolution.js";
import { type ImageResult, parseImageResult, resultPaths, writeResult } from "./image-files.js";
import { segmentImageSource } from "./segment-image.js";

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
  /** What else the user should know of the call as a whole. */
  readonly warnings: readonly string[];
}

/**
 * Segments images and writes for each a mask, a map of tumour probability, a heat map of the class activation, an
 * overlay and a JSON file. Images that cannot be read are left out and listed in the result. Finished patches of an
 * image are kept until it is finished, so a killed call that is resumed goes on with the next one.
 * @throws EpSamError `usage` when results are there already and neither `resume` nor `overwrite` is given, a
 *   resumed directory holds results of another model or other settings, or another process writes into it; what
 *   {@link openSegmenter} and {@link findImages} throw; `storage` when a file cannot be written.
 */
export async function inferImages(options: InferOptions): Promise<InferResult> {
  const { images, skipped } = await findImages(options.inputs);
  const claims = claimedPaths(options.out, images);
  await requireFreeOutput(claims, options);
  const { run, mpp, anyResolution } = options;
  const given =
    mpp === undefined ? null : await compareImagesWithRun(run, { of: "`mpp`", mpp }, { anyResolution });
  const warnings = given === null ? [] : [given];
  for (const warning of warnings) options.reporter.warn(`${warning}.`);
  const segmenter = await openSegmenter(options.run, options);
  try {
    const lock = await lockResults(options.out);
    try {
      // Another call may have finished since.
      await requireFreeOutput(claims, options);
      return await new ImagesJob(options, segmenter, skipped, warnings).run(images);
    } finally {
      await lock.release();
    }
  } finally {
    await segmenter.close();
  }
}

/** Results of images lie in folders that others may use, too: one of ours is known by the list of them all. */
function claimedPaths(out: string, images: readonly InputImage[]): ClaimedPath[] {
  const summary = join(out, RESULT_FILE);
  const files = images.flatMap(({ stem }) => Object.values(resultPaths(stem)));
  return [summary, ...files.map((file) => join(out, file))].map((path) => ({ path, marks: [summary] }));
}

/** What decides an image's result, as it is told when it differs. */
interface ImageSettings extends Pick<ImageResult, "model" | "overlap" | "mpp"> {
  /** SHA-256 of the file. */
  readonly image: string;
}

/** One call of {@link inferImages} with its models open. */
class ImagesJob {
  readonly #options: InferOptions;
  readonly #segmenter: Segmenter;
  readonly #settings: Omit<ImageSettings, "image">;
  readonly #skipped: SkippedInput[];
  readonly #warnings: string[];
  readonly #results: ImageResult[] = [];
  #resumed = 0;

  constructor(
    options: InferOptions,
    segmenter: Segmenter,
    skipped: readonly SkippedInput[],
    warnings: readonly string[],
  ) {
    const { identity } = segmenter;
    this.#options = options;
    this.#segmenter = segmenter;
    this.#settings = {
      mpp: options.mpp ?? null,
      model: { ...identity, weights: { ...identity.weights } },
      overlap: options.overlap ?? DEFAULT_OVERLAP,
    };
    this.#skipped = [...skipped];
    this.#warnings = [...warnings];
  }

  async run(images: readonly InputImage[]): Promise<InferResult> {
    await this.#writeSummary("running");
    const unreadable = await forEachInput(images, ["input-image"], this.#options, (image, index) =>
      this.#process(image, `image ${index + 1}/${images.length}: ${image.stem}`),
    );
    this.#skipped.push(...unreadable);
    await this.#writeSummary("done");
    return {
      root: this.#options.out,
      images: this.#results,
      resumed: this.#resumed,
      skipped: this.#skipped,
      warnings: this.#warnings,
    };
  }

  async #process({ stem, path }: InputImage, task: string): Promise<void> {
    const { out, reporter, signal } = this.#options;
    await this.#compareResolution(path);
    const bytes = await readInputFile(path, "input-image");
    const sha256 = hashBytes(bytes);
    const stored = await this.#stored(stem, sha256);
    if (stored !== null) {
      this.#results.push(stored);
      this.#resumed++;
      return;
    }
    const image = await decodeRgb(bytes, path, { opaque: true });
    const work = this.#workFolder(stem, sha256);
    const onPatch = (done: number, total: number): void => reporter.progress({ task, done, total });
    const { overlap, mpp } = this.#settings;
    const options = { name: stem, overlap, signal, onPatch };
    const segmentation = await segmentImageSource(this.#segmenter, imageSource(path, image), options, work);
    const { width, height } = image;
    const { tumourPixels, patches } = segmentation;
    const { result: _json, ...outputs } = resultPaths(stem);
    const result: ImageResult = {
      formatVersion: 1,
      file: path,
      sha256,
      width,
      height,
      ...this.#settings,
      tumour: {
        pixels: tumourPixels,
        fraction: tumourPixels / (width * height),
        squareMicrons: mpp === null ? null : tumourPixels * mpp ** 2,
      },
      outputs,
      tiles: [...patches],
    };
    await writeResult(out, stem, image, segmentation, result);
    await rm(work.workDirectory, { recursive: true, force: true });
    this.#results.push(result);
  }

  /** @throws EpSamError `input-image` when the image tells another magnification than the run's, and that is not meant */
  async #compareResolution(path: string): Promise<void> {
    const { run, anyResolution, reporter } = this.#options;
    const mpp = await imageMpp(path);
    if (mpp === null) return;
    const rule = { anyResolution, tag: "input-image" } as const;
    const difference = await compareImagesWithRun(run, { of: path, mpp }, rule);
    if (difference === null) return;
    this.#warnings.push(difference);
    reporter.warn(`${difference}.`);
  }

  #workFolder(stem: string, image: string): WorkFolder {
    const { out, overwrite } = this.#options;
    const { model, overlap } = this.#settings;
    const workDirectory = join(out, "results", `${stem}.work`);
    return { workDirectory, identity: JSON.stringify({ image, model, overlap }), overwrite };
  }

  /** The image's result of an earlier call when it may be kept. */
  #stored(stem: string, image: string): Promise<ImageResult | null> {
    const { model, overlap, mpp } = this.#settings;
    const wanted: ImageSettings = { image, model, overlap, mpp };
    const file = join(this.#options.out, resultPaths(stem).result);
    return storedResult(file, readStoredSlide, wanted, this.#options);
  }

  async #writeSummary(state: "running" | "done"): Promise<void> {
    const { run, out } = this.#options;
    const summary = {
      formatVersion: 1,
      state,
      run,
      ...this.#settings,
      images: this.#results.map(({ file, tumour, tiles }) => ({ file, tumour, tiles: tiles.length })),
      skipped: this.#skipped,
      warnings: this.#warnings,
    };
    await writeFileAtomically(join(out, RESULT_FILE), `${JSON.stringify(summary, null, 2)}\n`);
  }
}

function readStoredSlide(
  value: unknown,
): { readonly result: ImageResult; readonly settings: ImageSettings } | null {
  const result = parseImageResult(value);
  if (result === undefined) return null;
  const { sha256: image, model, overlap, mpp } = result;
  return { result, settings: { image, model, overlap, mpp } };
}
