import { EpSamError } from "../common/index.js";
import { type RgbImage, resizeRgb } from "../imaging/index.js";
import type { PixelSource, SlideLevel } from "./pixel-source.js";

export interface ThumbnailOptions {
  readonly signal?: AbortSignal | undefined;
  /** Is told how many of the blocks that are read are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Largest longer side. */
export const MAX_THUMBNAIL_SIDE = 8192;
/** Side of the blocks a level is read in. */
const BLOCK_SIDE = 2048;

/**
 * The whole slide as a small picture, from the least level that is large enough: averaged by a whole factor while
 * it is read block by block, then resized with Pillow's bicubic filter. Memory does not grow with the slide.
 * @param size the picture's longer side in pixels; a slide that is smaller is not enlarged
 * @throws EpSamError `usage` for a size outside 1 to {@link MAX_THUMBNAIL_SIDE}; what reading throws
 */
export async function readThumbnail(
  source: PixelSource,
  size: number,
  options: ThumbnailOptions = {},
): Promise<RgbImage> {
  const [full] = source.levels;
  if (full === undefined || !(Number.isInteger(size) && size >= 1 && size <= MAX_THUMBNAIL_SIDE)) {
    throw new EpSamError("usage", {
      what: `no thumbnail of ${size} pixels can be made`,
      where: source.path,
      action: `Give a size from 1 to ${MAX_THUMBNAIL_SIDE}.`,
    });
  }
  const shrink = Math.max(1, Math.max(full.width, full.height) / size);
  const target = { width: scaled(full.width, shrink), height: scaled(full.height, shrink) };
  const index = source.levels.findLastIndex(
    ({ width, height }) => width >= target.width && height >= target.height,
  );
  const level = source.levels[index] ?? full;
  const factor = Math.max(1, Math.floor(Math.min(level.width / target.width, level.height / target.height)));
  const reduced = await readReduced(source, Math.max(0, index), level, factor, options);
  const isExact = reduced.width === target.width && reduced.height === target.height;
  return isExact ? reduced : resizeRgb(reduced, target.width, target.height, "bicubic");
}

function scaled(side: number, shrink: number): number {
  return Math.max(1, Math.round(side / shrink));
}

/** A level averaged over squares of `factor` pixels; those at the right and lower edge over what is left. */
async function readReduced(
  source: PixelSource,
  level: number,
  { width, height, downsample }: SlideLevel,
  factor: number,
  { signal, onProgress }: ThumbnailOptions,
): Promise<RgbImage> {
  const sums = new AreaSums(width, height, factor);
  const columns = Math.ceil(width / BLOCK_SIDE);
  const blocks = columns * Math.ceil(height / BLOCK_SIDE);
  const memory = new Uint8Array(Math.min(BLOCK_SIDE, width) * Math.min(BLOCK_SIDE, height) * 3);
  for (let block = 0; block < blocks; block++) {
    signal?.throwIfAborted();
    onProgress?.(block, blocks);
    const left = (block % columns) * BLOCK_SIDE;
    const top = Math.floor(block / columns) * BLOCK_SIDE;
    // Rounded up, because the level's pixel that contains the origin is where reading begins.
    const origin = {
      space: "level-0",
      x: Math.ceil(left * downsample),
      y: Math.ceil(top * downsample),
    } as const;
    const size = { width: Math.min(BLOCK_SIDE, width - left), height: Math.min(BLOCK_SIDE, height - top) };
    sums.add(await source.readRegion({ origin, level, ...size }, { signal, memory }), left, top);
  }
  onProgress?.(blocks, blocks);
  return sums.mean();
}

/** Sums of an image's samples over squares. */
class AreaSums {
  readonly #width: number;
  readonly #height: number;
  readonly #factor: number;
  readonly #columns: number;
  readonly #rows: number;
  readonly #sums: Float64Array;

  constructor(width: number, height: number, factor: number) {
    this.#width = width;
    this.#height = height;
    this.#factor = factor;
    this.#columns = Math.ceil(width / factor);
    this.#rows = Math.ceil(height / factor);
    this.#sums = new Float64Array(this.#columns * this.#rows * 3);
  }

  add(block: RgbImage, left: number, top: number): void {
    for (let y = 0; y < block.height; y++) {
      const row = Math.floor((top + y) / this.#factor) * this.#columns;
      for (let x = 0; x < block.width; x++) {
        const target = (row + Math.floor((left + x) / this.#factor)) * 3;
        const sample = (y * block.width + x) * 3;
        for (let channel = 0; channel < 3; channel++) {
          this.#sums[target + channel] =
            (this.#sums[target + channel] ?? 0) + (block.data[sample + channel] ?? 0);
        }
      }
    }
  }

  mean(): RgbImage {
    const data = new Uint8Array(this.#sums.length);
    for (let row = 0; row < this.#rows; row++) {
      const height = Math.min(this.#factor, this.#height - row * this.#factor);
      for (let column = 0; column < this.#columns; column++) {
        const area = height * Math.min(this.#factor, this.#width - column * this.#factor);
        for (let channel = 0; channel < 3; channel++) {
          const index = (row * this.#columns + column) * 3 + channel;
          data[index] = Math.round((this.#sums[index] ?? 0) / area);
        }
      }
    }
    return { width: this.#columns, height: this.#rows, data };
  }
}
