import { cutArea, type GreyImage, histogram, type RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { REACH_AROUND, tissueSaturation } from "./no-tissue.js";

export interface FindTissueOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called as the slide is read, with rows of cells. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Cells (of 16×16 level-0 pixels) worked on at a time. Default 4 million; fewer need less memory. */
  readonly bandCells?: number | undefined;
}

/** Cells worked on at a time, unless told otherwise. */
export const BAND_CELLS = 4 << 20;

/** Level-0 pixels per cell that are aimed at, and the levels that are close enough to be taken as they are. */
const AIM = 16;
const FINEST = 8;
const COARSEST = 32;
/** Sides of the blocks that a level is read in, in its pixels, with neighbours of cells at their edges: 12 MB. */
const BLOCK_SIDE = 2048;
/** Planes of up to this many bands are kept between the two passes over them. */
const KEPT_BANDS = 4;

/**
 * The HSV saturation of a slide at about 16× downsample, as {@link tissueSaturation} gives it, read block by block: from
 * the level nearest to that, or from a finer one whose pixels are averaged.
 */
export class SaturationPlane {
  readonly width: number;
  readonly height: number;
  /** Level-0 pixels per cell. */
  readonly cellSize: number;
  readonly #source: PixelSource;
  readonly #options: FindTissueOptions;
  readonly #inkIsTissue: boolean;
  readonly #level: number;
  /** Pixels of the level per cell, along each side. */
  readonly #factor: number;
  #kept: GreyImage | null = null;

  constructor(source: PixelSource, options: FindTissueOptions, inkIsTissue = false) {
    this.#source = source;
    this.#options = options;
    this.#inkIsTissue = inkIsTissue;
    const { level, factor } = chooseLevel(source);
    const { width = 1, height = 1, downsample = 1 } = source.levels[level] ?? {};
    this.#level = level;
    this.#factor = factor;
    this.width = Math.ceil(width / factor);
    this.height = Math.ceil(height / factor);
    this.cellSize = downsample * factor;
  }

  /** How many cells have each saturation. */
  async histogram(): Promise<Float64Array> {
    const counts = new Float64Array(256);
    const isKept = this.width * this.height <= KEPT_BANDS * (this.#options.bandCells ?? BAND_CELLS);
    const plane = isKept ? emptyPlane(this.width, this.height) : null;
    for (let row = 0; row < this.height; row += this.#blockCells) {
      const rows = Math.min(this.#blockCells, this.height - row);
      await this.#readRows(row, rows, (block, column, line) => {
        histogram(block, counts);
        if (plane !== null) place(block, plane, column, line);
      });
      this.#options.onProgress?.(row + rows, this.height);
    }
    this.#kept = plane;
    return counts;
  }

  /** The saturation of whole rows. */
  async band(first: number, rows: number): Promise<GreyImage> {
    const { width } = this;
    if (this.#kept !== null) {
      return { width, height: rows, data: this.#kept.data.subarray(first * width, (first + rows) * width) };
    }
    const plane = emptyPlane(width, rows);
    await this.#readRows(first, rows, (block, column, row) => place(block, plane, column, row - first));
    return plane;
  }

  get #blockCells(): number {
    return Math.max(1, Math.floor(BLOCK_SIDE / this.#factor) - 2 * REACH_AROUND);
  }

  async #readRows(
    first: number,
    rows: number,
    take: (block: GreyImage, column: number, row: number) => void,
  ): Promise<void> {
    const side = this.#blockCells;
    for (let row = first; row < first + rows; row += side) {
      for (let column = 0; column < this.width; column += side) {
        this.#options.signal?.throwIfAborted();
        const width = Math.min(side, this.width - column);
        const height = Math.min(side, first + rows - row);
        take(await this.#readBlock(column, row, width, height), column, row);
      }
    }
  }

  async #readBlock(column: number, row: number, width: number, height: number): Promise<GreyImage> {
    const factor = this.#factor;
    const {
      width: fullWidth = 1,
      height: fullHeight = 1,
      downsample = 1,
    } = this.#source.levels[this.#level] ?? {};
    const [firstColumn, firstRow] = [Math.max(0, column - REACH_AROUND), Math.max(0, row - REACH_AROUND)];
    const [left, top] = [firstColumn * factor, firstRow * factor];
    const region = await this.#source.readRegion(
      {
        origin: { space: "level-0", x: Math.ceil(left * downsample), y: Math.ceil(top * downsample) },
        level: this.#level,
        width: Math.min((column + width + REACH_AROUND) * factor, fullWidth) - left,
        height: Math.min((row + height + REACH_AROUND) * factor, fullHeight) - top,
      },
      { signal: this.#options.signal },
    );
    const cells = factor === 1 ? region : averageBlocks(region, factor);
    const saturation = tissueSaturation(cells, this.#inkIsTissue);
    return cutArea(saturation, { left: column - firstColumn, top: row - firstRow, width, height });
  }
}

function chooseLevel({ levels }: PixelSource): { readonly level: number; readonly factor: number } {
  const away = (downsample: number): number => Math.abs(Math.log2(downsample / AIM));
  const near = levels
    .map(({ downsample }, level) => ({ level, downsample }))
    .filter(({ downsample }) => downsample >= FINEST && downsample <= COARSEST)
    .sort((a, b) => away(a.downsample) - away(b.downsample))[0];
  if (near !== undefined) return { level: near.level, factor: 1 };
  const level = Math.max(
    0,
    levels.findLastIndex(({ downsample }) => downsample < FINEST),
  );
  return { level, factor: Math.max(1, Math.round(AIM / (levels[level]?.downsample ?? 1))) };
}

function emptyPlane(width: number, height: number): GreyImage {
  return { width, height, data: new Uint8Array(width * height) };
}

function place(block: GreyImage, plane: GreyImage, column: number, row: number): void {
  for (let line = 0; line < block.height; line++) {
    const pixels = block.data.subarray(line * block.width, (line + 1) * block.width);
    plane.data.set(pixels, (row + line) * plane.width + column);
  }
}

/** Means of squares of `factor` pixels; those at the right and lower edge may be smaller. */
function averageBlocks(image: RgbImage, factor: number): RgbImage {
  const width = Math.ceil(image.width / factor);
  const height = Math.ceil(image.height / factor);
  const data = new Uint8Array(width * height * 3);
  const sums = new Float64Array(width * 3);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    const lines = Math.min(factor, image.height - row * factor);
    for (let line = 0; line < lines; line++) {
      let at = (row * factor + line) * image.width * 3;
      for (let x = 0; x < image.width; x++) {
        const cell = Math.floor(x / factor) * 3;
        sums[cell] = (sums[cell] ?? 0) + (image.data[at++] ?? 0);
        sums[cell + 1] = (sums[cell + 1] ?? 0) + (image.data[at++] ?? 0);
        sums[cell + 2] = (sums[cell + 2] ?? 0) + (image.data[at++] ?? 0);
      }
    }
    for (let column = 0; column < width; column++) {
      const pixels = lines * Math.min(factor, image.width - column * factor);
      for (let channel = 0; channel < 3; channel++) {
        const sum = sums[column * 3 + channel] ?? 0;
        data[(row * width + column) * 3 + channel] = Math.round(sum / pixels);
      }
    }
  }
  return { width, height, data };
}
