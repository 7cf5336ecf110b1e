import type { RgbImage } from "../imaging/index.js";
import type { ImageEncoder, SamFrame } from "../models/index.js";
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
