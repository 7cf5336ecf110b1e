import type { RgbImage } from "../imaging/index.js";

/** Decoded images by path, at most `maximumBytes` of pixels; the least recently used go first. */
export class DecodedImageCache {
  readonly #maximumBytes: number;
  /** In order of use: a map keeps insertion order. */
  readonly #images = new Map<string, RgbImage>();
  readonly #loading = new Map<string, Promise<RgbImage>>();
  #bytes = 0;

  constructor(maximumBytes: number) {
    this.#maximumBytes = maximumBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The image of `key`, from `load` when it is not kept; simultaneous calls load once. */
  async get(key: string, load: () => Promise<RgbImage>): Promise<RgbImage> {
    const kept = this.#images.get(key);
    if (kept !== undefined) {
      this.#images.delete(key);
      this.#images.set(key, kept);
      return kept;
    }
    const loading = this.#loading.get(key) ?? this.#load(key, load);
    return loading;
  }

  #load(key: string, load: () => Promise<RgbImage>): Promise<RgbImage> {
    const loading = load()
      .then((image) => {
        this.#keep(key, image);
        return image;
      })
      .finally(() => this.#loading.delete(key));
    this.#loading.set(key, loading);
    return loading;
  }

  #keep(key: string, image: RgbImage): void {
    if (image.data.length > this.#maximumBytes) return;
    this.#images.set(key, image);
    this.#bytes += image.data.length;
    for (const [oldest, { data }] of this.#images) {
      if (this.#bytes <= this.#maximumBytes) return;
      this.#images.delete(oldest);
      this.#bytes -= data.length;
    }
  }
}
