import type { Level0Box } from "../../geometry/index.js";
import { closeMask, type Mask, maskAbove, medianFilter, otsuThresholdOfCounts } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { TissueRule } from "./options.js";
import { BAND_CELLS, type FindTissueOptions, SaturationPlane } from "./saturation.js";

/** Closing with a square of 7 twice, then a median over 15 (authors' preprocessing). */
const CLOSING_SIDE = 7;
const CLOSING_ITERATIONS = 2;
const MEDIAN_SIDE = 15;
/** How far a pixel reaches: dilations and erosions of the closing, and the median. */
const REACH = 2 * CLOSING_ITERATIONS * ((CLOSING_SIDE - 1) / 2) + (MEDIAN_SIDE - 1) / 2;
/** Otsu splits the noise of an empty slide too; what is paler than this (of 255) is glass. */
const LEAST_SATURATION = 8;

/** The cells that a slide's tissue is looked for in. */
export interface TissueGrid {
  readonly width: number;
  readonly height: number;
  /** Level-0 pixels per cell. */
  readonly cellSize: number;
}

/** The cells that {@link findTissue} gives for a slide, without looking for tissue. */
export function tissueGrid(source: PixelSource): TissueGrid {
  const { width, height, cellSize } = new SaturationPlane(source, {});
  return { width, height, cellSize };
}

/** Where a slide has tissue, in cells of about 16 level-0 pixels, one bit each. */
export class TissueMask {
  /** Level-0 pixels per cell. */
  readonly cellSize: number;
  readonly width: number;
  readonly height: number;
  readonly #bits: Uint8Array;

  constructor(width: number, height: number, cellSize: number) {
    this.width = width;
    this.height = height;
    this.cellSize = cellSize;
    this.#bits = new Uint8Array(Math.ceil((width * height) / 8));
  }

  /** Writes rows of a mask, starting at `firstRow` of the slide and `skip` of the mask. */
  setRows(firstRow: number, rows: number, mask: Mask, skip: number): void {
    for (let row = 0; row < rows; row++) {
      const source = (skip + row) * this.width;
      const target = (firstRow + row) * this.width;
      for (let column = 0; column < this.width; column++) {
        if (mask.data[source + column] !== 1) continue;
        const cell = target + column;
        this.#bits[cell >>> 3] = (this.#bits[cell >>> 3] ?? 0) | (1 << (cell & 7));
      }
    }
  }

  /** Whether a cell of the mask is tissue. */
  isTissue(column: number, row: number): boolean {
    const cell = row * this.width + column;
    return (((this.#bits[cell >>> 3] ?? 0) >>> (cell & 7)) & 1) === 1;
  }

  /** Share of the slide that is tissue, in [0, 1]. */
  get share(): number {
    const { width, height, cellSize } = this;
    return this.fraction({ left: 0, top: 0, right: width * cellSize, bottom: height * cellSize });
  }

  /** Share of a box that is tissue: of the cells whose centres it holds, or of the one it lies in. */
  fraction({ left, top, right, bottom }: Level0Box): number {
    const columns = this.#range(left, right, this.width);
    const rows = this.#range(top, bottom, this.height);
    let tissue = 0;
    for (let row = rows.first; row < rows.end; row++) {
      for (let cell = row * this.width + columns.first; cell < row * this.width + columns.end; cell++) {
        tissue += ((this.#bits[cell >>> 3] ?? 0) >>> (cell & 7)) & 1;
      }
    }
    return tissue / Math.max(1, (columns.end - columns.first) * (rows.end - rows.first));
  }

  #range(from: number, to: number, extent: number): { readonly first: number; readonly end: number } {
    const clamp = (cell: number): number => Math.min(extent, Math.max(0, cell));
    const first = clamp(Math.ceil(from / this.cellSize - 0.5));
    const end = clamp(Math.ceil(to / this.cellSize - 0.5));
    if (end > first) return { first, end };
    const middle = Math.min(extent - 1, Math.max(0, Math.floor((from + to) / 2 / this.cellSize)));
    return { first: middle, end: middle + 1 };
  }
}

/**
 * Finds tissue by the authors' rule: HSV saturation above Otsu's threshold at about 16× downsample, closed with
 * a 7×7 square twice, median over 15×15. Works in bands, so its memory is that of the mask, a bit for 16×16
 * level-0 pixels, plus a few megabytes; the result is that of the whole picture at once.
 * @throws EpSamError `slide` when the file is damaged
 */
export async function findTissue(
  source: PixelSource,
  rule: Exclude<TissueRule, "all">,
  options: FindTissueOptions = {},
): Promise<TissueMask> {
  const plane = new SaturationPlane(source, options);
  const { width, height, cellSize } = plane;
  const threshold =
    rule === "otsu" ? Math.max(LEAST_SATURATION, otsuThresholdOfCounts(await plane.histogram())) : rule;
  const mask = new TissueMask(width, height, cellSize);
  const rows = Math.max(REACH, Math.floor((options.bandCells ?? BAND_CELLS) / width) - 2 * REACH);
  for (let row = 0; row < height; row += rows) {
    options.signal?.throwIfAborted();
    const count = Math.min(rows, height - row);
    const top = Math.max(0, row - REACH);
    const band = await plane.band(top, Math.min(height, row + count + REACH) - top);
    mask.setRows(row, count, smooth(maskAbove(band, threshold)), row - top);
  }
  return mask;
}

function smooth(mask: Mask): Mask {
  return medianFilter(closeMask(mask, CLOSING_SIDE, CLOSING_ITERATIONS), MEDIAN_SIDE);
}
