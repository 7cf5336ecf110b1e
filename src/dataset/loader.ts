import { EpSamError, mapAhead, RandomStream, RecentlyUsed } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { type AugmentationOptions, augment, type Normalisation, toTensor } from "./augmentation.js";
import { balancedOrder, epochOrder } from "./epoch-order.js";
import { loadPatchImage } from "./load-patch.js";
import type { PatchRecord } from "./records.js";

export type LoadablePatch = Pick<PatchRecord, "id" | "imagePath" | "label">;

export interface BatchLoaderOptions {
  readonly batchSize: number;
  /** With the epoch and the sample's index it decides every random choice. */
  readonly seed: number;
  /** `shuffled`: each sample once; `balanced`: as many positives as negatives; `sequential`: as given. */
  readonly order: "shuffled" | "balanced" | "sequential";
  /**
   * What becomes of a last, smaller batch: `drop` it, `keep` it smaller, or `pad` it to full size by repeating
   * samples from the start of the epoch with weight 0 (real images, so that batch statistics stay plausible).
   */
  readonly lastBatch: "drop" | "keep" | "pad";
  /** None unless given. */
  readonly augmentation?: AugmentationOptions;
  readonly normalisation?: Normalisation;
  /** Batches made ahead of the consumer, 1 unless told. */
  readonly prefetch?: number;
  /** Bound on the decoded pixels kept in memory, 512 MiB unless told. */
  readonly cacheBytes?: number;
  /** Reads a patch's pixels, {@link loadPatchImage} unless told. */
  readonly load?: (patch: LoadablePatch) => Promise<RgbImage>;
}

/** One batch of the classifier's input. */
export interface PatchBatch {
  /** [size, 3, height, width], RGB in [0, 1] unless normalised. */
  readonly images: Float32Array;
  /** [size], 0 or 1. */
  readonly labels: Float32Array;
  /** [size], 1 for a sample that counts, 0 for padding. */
  readonly weights: Float32Array;
  /** Positions in the loader's patches, padding included. */
  readonly indices: readonly number[];
  readonly size: number;
  readonly height: number;
  readonly width: number;
}

/** A sample of an epoch; `occurrence` counts its earlier appearances in the epoch. */
interface Draw {
  readonly index: number;
  readonly occurrence: number;
  readonly weight: 0 | 1;
}

/**
 * Decoded, augmented batches, made ahead while the consumer trains. What a sample looks like depends on the
 * seed, the epoch, its index and how often it already came in the epoch: never on timing, caching or prefetch.
 *
 * Decoding runs on sharp's threads. The augmentation runs inline: it takes 5–9 ms for a 256² patch, whose
 * ResNet-50 training step takes about 500, and worker threads would compete with ONNX Runtime for the cores.
 */
export class BatchLoader {
  readonly #patches: readonly LoadablePatch[];
  readonly #options: BatchLoaderOptions;
  /** Decoded images by path. */
  readonly #cache: RecentlyUsed<string, RgbImage>;

  constructor(patches: readonly LoadablePatch[], options: BatchLoaderOptions) {
    if (!Number.isInteger(options.batchSize) || options.batchSize < 1) {
      throw new EpSamError("configuration", {
        what: `the batch size must be a positive integer, not ${options.batchSize}`,
        where: "batchSize",
        action: "Set it to 1 or more.",
      });
    }
    this.#patches = patches;
    this.#options = options;
    this.#cache = new RecentlyUsed({
      limit: options.cacheBytes ?? 512 * 1024 * 1024,
      sizeOf: ({ data }) => data.length,
    });
  }

  /** Batches of every epoch. */
  get batchesPerEpoch(): number {
    const { batchSize, lastBatch, order } = this.#options;
    const samples = order === "balanced" ? 2 * Math.ceil(this.#patches.length / 2) : this.#patches.length;
    return lastBatch === "drop" ? Math.floor(samples / batchSize) : Math.ceil(samples / batchSize);
  }

  /**
   * The batches of an epoch, in order, from `firstBatch` on (for resuming inside an epoch).
   * @throws EpSamError `input-image` or `dataset` naming a patch that cannot be read or has another size.
   */
  async *epoch(epoch: number, firstBatch = 0): AsyncGenerator<PatchBatch, void, undefined> {
    const batches = this.#drawEpoch(epoch).slice(firstBatch);
    yield* mapAhead(batches, 1 + (this.#options.prefetch ?? 1), (draws) => this.#makeBatch(draws, epoch));
  }

  #drawEpoch(epoch: number): Draw[][] {
    const { batchSize, lastBatch } = this.#options;
    const draws = countOccurrences(this.#orderOfEpoch(epoch));
    const batches: Draw[][] = [];
    for (let start = 0; start < draws.length; start += batchSize) {
      const batch = draws.slice(start, start + batchSize);
      if (batch.length < batchSize && lastBatch === "drop") break;
      for (let extra = 0; lastBatch === "pad" && batch.length < batchSize; extra++) {
        const repeated = draws[extra % draws.length];
        if (repeated !== undefined) batch.push({ ...repeated, weight: 0 });
      }
      batches.push(batch);
    }
    return batches;
  }

  #orderOfEpoch(epoch: number): number[] {
    const { order, seed } = this.#options;
    const stream = new RandomStream(seed, "epoch order", epoch);
    if (order === "shuffled") return epochOrder(this.#patches.length, stream);
    if (order === "sequential") return this.#patches.map((_, index) => index);
    return balancedOrder(
      this.#patches.map((patch) => patch.label),
      stream,
    );
  }

  async #makeBatch(draws: readonly Draw[], epoch: number): Promise<PatchBatch> {
    const samples = await Promise.all(
      draws.map(async (draw) => ({
        draw,
        patch: this.#patch(draw.index),
        image: await this.#image(draw, epoch),
      })),
    );
    const first = samples[0];
    for (const { image, patch } of samples) {
      if (first !== undefined) requireSameSize(image, patch, first.image, first.patch);
    }
    return {
      images: toTensor(
        samples.map(({ image }) => image),
        this.#options.normalisation,
      ),
      labels: Float32Array.from(samples, ({ patch }) => patch.label),
      weights: Float32Array.from(draws, ({ weight }) => weight),
      indices: draws.map(({ index }) => index),
      size: draws.length,
      height: first?.image.height ?? 0,
      width: first?.image.width ?? 0,
    };
  }

  async #image({ index, occurrence }: Draw, epoch: number): Promise<RgbImage> {
    const { augmentation, seed, load = loadPatchImage } = this.#options;
    const patch = this.#patch(index);
    const image = await this.#cache.load(patch.imagePath, () => load(patch));
    if (augmentation === undefined) return image;
    return augment(image, augmentation, new RandomStream(seed, "augmentation", epoch, index, occurrence));
  }

  #patch(index: number): LoadablePatch {
    const patch = this.#patches[index];
    if (patch === undefined) {
      throw new EpSamError("internal", { what: `there is no patch ${index} among ${this.#patches.length}` });
    }
    return patch;
  }
}

function countOccurrences(order: readonly number[]): Draw[] {
  const seen = new Map<number, number>();
  return order.map((index) => {
    const occurrence = seen.get(index) ?? 0;
    seen.set(index, occurrence + 1);
    return { index, occurrence, weight: 1 };
  });
}

function requireSameSize(
  image: RgbImage,
  patch: LoadablePatch,
  first: RgbImage,
  firstPatch: LoadablePatch,
): void {
  if (image.width === first.width && image.height === first.height) return;
  throw new EpSamError("dataset", {
    what: `the patch is ${image.width}×${image.height} pixels, but ${firstPatch.id} is ${first.width}×${first.height}`,
    where: patch.imagePath,
    why: "all patches of a dataset have one size",
    action: "Prepare the dataset again with one `patchSize`.",
  });
}
