import { join } from "node:path";
import { cacheDirectory, type Reporter } from "../common/index.js";
import {
  EMBEDDING_ELEMENTS,
  EmbeddingCache,
  hashImage,
  loadPatchImage,
  type PatchRecord,
} from "../dataset/index.js";
import type { Device } from "../graph/index.js";
import { applyDihedral } from "../imaging/index.js";
import type { ImageEncoder, SamFrame } from "../models/index.js";
import type { EncoderSource, TrainingConfig } from "../run/index.js";

/** What patch embeddings are computed with. */
interface EmbeddingTools {
  readonly frame: SamFrame;
  readonly device: Device;
  readonly encoder: EncoderSource;
  readonly reporter: Reporter;
}

/**
 * SAM embeddings of patches and their flips and rotations, computed once and kept in the cache. The encoder is
 * opened at the first miss, so a warm cache costs no start-up.
 */
export class PatchEmbeddings {
  readonly #cache: EmbeddingCache;
  readonly #tools: EmbeddingTools;
  readonly #hashes = new Map<string, string>();
  #encoder: Promise<ImageEncoder> | undefined;

  private constructor(cache: EmbeddingCache, tools: EmbeddingTools) {
    this.#cache = cache;
    this.#tools = tools;
  }

  /**
   * Opens the cache that the configuration names.
   * @throws EpSamError `storage` when its directory cannot be used.
   */
  static async open(config: TrainingConfig, tools: EmbeddingTools): Promise<PatchEmbeddings> {
    const cache = await EmbeddingCache.open({
      directory: config.cache.directory ?? join(cacheDirectory(), "embeddings"),
      maximumBytes: config.cache.maximumGigabytes * 1e9,
      precision: config.cache.precision,
      reporter: tools.reporter,
    });
    return new PatchEmbeddings(cache, tools);
  }

  /** The embedding [256, 64, 64] of a patch under one of the eight flips and rotations; read only. */
  async get(patch: PatchRecord, variant = 0): Promise<Float32Array> {
    const image = this.#hashes.get(patch.imagePath) ?? (await this.#hash(patch));
    const { encoder, device, frame } = this.#tools;
    return this.#cache.getOrCompute({ image, encoder: encoder.id, variant }, async () => {
      this.#encoder ??= encoder.open(device);
      const opened = await this.#encoder;
      return opened.encode(applyDihedral(await loadPatchImage(patch), variant), frame);
    });
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

  async #hash(patch: PatchRecord): Promise<string> {
    const hash = hashImage(await loadPatchImage(patch));
    this.#hashes.set(patch.imagePath, hash);
    return hash;
  }

  /** Frees the encoder. */
  async close(): Promise<void> {
    if (this.#encoder !== undefined) await (await this.#encoder).close();
  }
}
