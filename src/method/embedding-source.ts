import type { FloatMap, RgbImage } from "../imaging/index.js";
import type { ImageEncoder, MaskPromptEmbedder, SamFrame } from "../models/index.js";
import type { Method } from "./method.js";
import { OpenOnce } from "./open-once.js";

/** Where SAM's embeddings of patches come from: a cache, the encoder, or whoever keeps them. */
export interface EmbeddingSource<Patch> {
  /** The embedding [256, 64, 64], row-major; read only. */
  get(patch: Patch): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Embeddings computed anew. The encoder is opened for the first, so that a run that needs none pays no start-up. */
export class FreshEmbeddings implements EmbeddingSource<RgbImage> {
  readonly #encoder: OpenOnce<ImageEncoder>;
  readonly #frame: SamFrame | undefined;

  /** @param frame that of every image; made from each image's size when left out */
  constructor(open: () => Promise<ImageEncoder>, frame?: SamFrame) {
    this.#encoder = new OpenOnce(open);
    this.#frame = frame;
  }

  /** @throws EpSamError `shape` when the image is not of the frame's size, `device` when the encoder cannot run */
  async get(image: RgbImage): Promise<Float32Array> {
    return (await this.#encoder.get()).encode(image, this.#frame);
  }

  close(): Promise<void> {
    return this.#encoder.close();
  }
}

/** Logits over the whole patch, at any resolution; the embedding is SAM's of the patch. */
export type PatchLogits = (image: RgbImage, embedding: Float32Array) => Promise<FloatMap>;

/**
 * Embeddings with what a run sees of the patch in them as SAM's mask prompt, for a decoder that is prompted by clicks,
 * which bring none. Closing it leaves the embeddings it is made of open.
 */
export class MaskPromptEmbeddings implements EmbeddingSource<RgbImage> {
  readonly #embeddings: EmbeddingSource<RgbImage>;
  readonly #method: Method;
  readonly #logits: PatchLogits;
  readonly #embedder: MaskPromptEmbedder;

  /** @param options the method is closed with the embeddings; `logits` are computed with it */
  constructor(
    embeddings: EmbeddingSource<RgbImage>,
    { method, logits, embedder }: { method: Method; logits: PatchLogits; embedder: MaskPromptEmbedder },
  ) {
    this.#embeddings = embeddings;
    this.#method = method;
    this.#logits = logits;
    this.#embedder = embedder;
  }

  async get(image: RgbImage): Promise<Float32Array> {
    const embedding = await this.#embeddings.get(image);
    return this.#embedder.withMask(embedding, await this.#logits(image, embedding), this.#method.frame);
  }

  async close(): Promise<void> {
    await Promise.all([this.#method.close(), this.#embedder.close()]);
  }
}
