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
import { type ImageEncoder, openMinisamEncoder, type SamFrame } from "../models/index.js";
import type { TrainingConfig } from "./config.js";

/**
 * SAM embeddings of patches and their flips and rotations, computed once and kept in the cache. The encoder is
 * opened at the first miss, so a warm cache costs no start-up.
 */
export class PatchEmbeddings {
  readonly #cache: EmbeddingCache;
  readonly #frame: SamFrame;
  readonly #device: Device;
  readonly #encoderId: string;
  readonly #hashes = new Map<string, string>();
  #encoder: Promise<ImageEncoder> | undefined;

  private constructor(cache: EmbeddingCache, frame: SamFrame, device: Device, encoderId: string) {
    this.#cache = cache;
    this.#frame = frame;
    this.#device = device;
    this.#encoderId = encoderId;
  }

  static async open(
    config: TrainingConfig,
    {
      frame,
      device,
      encoderId,
      reporter,
    }: { frame: SamFrame; device: Device; encoderId: string; reporter: Reporter },
  ): Promise<PatchEmbeddings> {
    const cache = await EmbeddingCache.open({
      directory: config.cache.directory ?? join(cacheDirectory(), "embeddings"),
      maximumBytes: config.cache.maximumGigabytes * 1e9,
      precision: config.cache.precision,
      reporter,
    });
    return new PatchEmbeddings(cache, frame, device, encoderId);
  }

  /** The embedding [256, 64, 64] of a patch under one of the eight flips and rotations; read only. */
  async get(patch: PatchRecord, variant = 0): Promise<Float32Array> {
    const image = this.#hashes.get(patch.imagePath) ?? (await this.#hash(patch));
    const key = { image, encoder: this.#encoderId, variant };
    return this.#cache.getOrCompute(key, async () => {
      this.#encoder ??= openMinisamEncoder(this.#device);
      const encoder = await this.#encoder;
      return encoder.encode(applyDihedral(await loadPatchImage(patch), variant), this.#frame);
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
