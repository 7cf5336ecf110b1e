import {
  EMBEDDING_ELEMENTS,
  EmbeddingCache,
  type EmbeddingKey,
  hashImage,
  loadPatchImage,
  type PatchRecord,
} from "../dataset/index.js";
import { applyDihedral } from "../imaging/index.js";
import { type EmbeddingSource, FreshEmbeddings } from "../method/index.js";
import { type EncoderSource, frameOf, type RunContext, type TrainingConfig } from "../run/index.js";
import { embeddingFolder } from "./require-storage.js";

/** What the embeddings of a run depend on. */
export interface EmbeddingContext extends Pick<RunContext, "device" | "reporter" | "encoder"> {
  readonly config: Pick<TrainingConfig, "sam" | "cache">;
}

/** A patch by the file of its pixels. */
export type PatchImage = Pick<PatchRecord, "imagePath">;

/**
 * SAM embeddings of patches and their flips and rotations, computed once and kept in the cache. The encoder is
 * opened at the first miss, so a warm cache costs no start-up.
 */
export class PatchEmbeddings implements EmbeddingSource<PatchRecord> {
  readonly #cache: EmbeddingCache;
  readonly #encoder: string;
  readonly #fresh: FreshEmbeddings;
  readonly #hashes = new Map<string, string>();

  private constructor(cache: EmbeddingCache, encoder: string, fresh: FreshEmbeddings) {
    this.#cache = cache;
    this.#encoder = encoder;
    this.#fresh = fresh;
  }

  /**
   * Opens the cache that the configuration names.
   * @param encoder that of the run's SAM, unless the context has one of its own
   * @param patchSize side of the patches in pixels
   * @throws EpSamError `storage` when its directory cannot be used.
   */
  static async open(
    { config, device, reporter, encoder: own }: EmbeddingContext,
    encoder: EncoderSource,
    patchSize: number,
  ): Promise<PatchEmbeddings> {
    const cache = await EmbeddingCache.open({
      directory: embeddingFolder(config),
      maximumBytes: config.cache.maximumGigabytes * 1e9,
      precision: config.cache.precision,
      reporter,
    });
    const used = own ?? encoder;
    const fresh = new FreshEmbeddings(() => used.open(device), frameOf(config, patchSize));
    return new PatchEmbeddings(cache, used.id, fresh);
  }

  /** Names the encoder and its weights in the cache. */
  get encoderId(): string {
    return this.#encoder;
  }

  /** The embedding [256, 64, 64] of a patch under one of the eight flips and rotations; read only. */
  async get(patch: PatchImage, variant = 0): Promise<Float32Array> {
    return this.#cache.getOrCompute(await this.#key(patch, variant), async () =>
      this.#fresh.get(applyDihedral(await loadPatchImage(patch), variant)),
    );
  }

  /** Whether that is in the cache. */
  async holds(patch: PatchImage, variant: number): Promise<boolean> {
    return this.#cache.holds(await this.#key(patch, variant));
  }

  /** Embeddings of several patches one after the other, [B, 256, 64, 64]. */
  async batch(
    patches: readonly { readonly patch: PatchRecord; readonly variant: number }[],
  ): Promise<Float32Array> {
    const joined = new Float32Array(patches.length * EMBEDDING_ELEMENTS);
    for (const [index, { patch, variant }] of patches.entries()) {
      joined.set(await this.get(patch, variant), index * EMBEDDING_ELEMENTS);
    }
    return joined;
  }

  async #key(patch: PatchImage, variant: number): Promise<EmbeddingKey> {
    const image = this.#hashes.get(patch.imagePath) ?? (await this.#hash(patch));
    return { image, encoder: this.#encoder, variant };
  }

  async #hash(patch: PatchImage): Promise<string> {
    const hash = hashImage(await loadPatchImage(patch));
    this.#hashes.set(patch.imagePath, hash);
    return hash;
  }

  /** Frees the encoder. */
  close(): Promise<void> {
    return this.#fresh.close();
  }
}
