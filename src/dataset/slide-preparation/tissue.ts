import type { Level0Box } from "../../geometry/index.js";
import {
  closeMask,
  type GreyImage,
  type Mask,
  medianFilter,
  otsuThresholdOfCounts,
} from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { EVEN_INK, INK, STRONG } from "./no-tissue.js";
import type { TissueRule } from "./options.js";
import { BAND_CELLS, type FindTissueOptions, SaturationPlane } from "./saturation.js";

/** Closing with a square of 7 twice, then a median over 15 (authors' preprocessing). */
const CLOSING_SIDE = 7;
const CLOSING_ITERATIONS = 2;
const MEDIAN_SIDE = 15;
/** Marks of pens are larger than half of this square; single dark cells are nuclei. */
const MARK_SIDE = 5;
/** How far a pixel reaches: dilations and erosions of the closing, and the median. */
const REACH = 2 * CLOSING_ITERATIONS * ((CLOSING_SIDE - 1) / 2) + (MEDIAN_SIDE - 1) / 2;
/** Otsu splits the noise of an empty slide too; what is paler than this (of 255) is glass. */
const LEAST_SATURATION = 8;
/** Glass is paler than this, of 255; a slide with less glass than this share has none around its tissue. */
const PALEST_TISSUE = 20;
const LEAST_GLASS = 0.01;
/** Share of a slide without glass that is told when it is not taken for tissue. */
const TOLD_TISSUE = 0.02;
/** Share of paler colour that is not taken for tissue, of all that has colour, which is told. */
const TOLD_PALE = 0.4;
/** Share of green and blue ink, of all that has colour, which is told: such colours may be the stain's; and of even red and purple, which may be tissue. */
const TOLD_INK = 0.02;

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
  /** What was left out though it has colour. */
  readonly warnings: readonly string[];
  readonly #bits: Uint8Array;

  constructor(width: number, height: number, cellSize: number, warnings: readonly string[] = []) {
    this.width = width;
    this.height = height;
    this.cellSize = cellSize;
    this.warnings = warnings;
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
 * a 7×7 square twice, median over 15×15. Nearly black and flat dark cells are never tissue, nor is green, blue and even red
 * and purple ink unless a saturation is given; Otsu's threshold does without them and without red ink. Works in bands, so its memory is that of the mask, a
 * bit for 16×16 level-0 pixels, plus a few megabytes; the result is that of the whole picture at once.
 * @throws EpSamError `slide` when the file is damaged
 */
export async function findTissue(
  source: PixelSource,
  rule: Exclude<TissueRule, "all">,
  options: FindTissueOptions = {},
): Promise<TissueMask> {
  const plane = new SaturationPlane(source, options, rule !== "otsu");
  const { width, height, cellSize } = plane;
  const { threshold, warnings, hasGlass } =
    rule === "otsu"
      ? thresholdOf(await plane.histogram())
      : { threshold: rule, warnings: [], hasGlass: true };
  const mask = new TissueMask(width, height, cellSize, warnings);
  let pale = 0;
  const rows = Math.max(REACH, Math.floor((options.bandCells ?? BAND_CELLS) / width) - 2 * REACH);
  for (let row = 0; row < height; row += rows) {
    options.signal?.throwIfAborted();
    const count = Math.min(rows, height - row);
    const top = Math.max(0, row - REACH);
    const band = await plane.band(top, Math.min(height, row + count + REACH) - top);
    mask.setRows(row, count, tissueOf(band, threshold), row - top);
    for (let cell = 0; cell < count * width; cell++) {
      const value = band.data[(row - top) * width + cell] ?? 0;
      const isPale = value > PALEST_TISSUE && value <= threshold;
      if (isPale && !mask.isTissue(cell % width, row + Math.floor(cell / width))) pale += 1;
    }
  }
  const leftOut = 1 - mask.share;
  const paleShare = pale / (pale + mask.share * width * height);
  if (leftOut === 1) {
    warnings.push(
      `has no tissue with a saturation above ${threshold} of 255, so that nothing of it is looked at; if it has pale tissue, pass \`tissue: ${Math.floor(threshold / 2)}\`, or \`tissue: all\``,
    );
  } else if (!hasGlass && leftOut > TOLD_TISSUE) {
    warnings.push(
      `has hardly any glass, so that Otsu's threshold divides the tissue itself: ${Math.round(100 * leftOut)} % of the slide, its palest parts, are not taken for tissue; if it is tissue altogether, pass \`tissue: all\``,
    );
  } else if (rule === "otsu" && paleShare > TOLD_PALE) {
    warnings.push(
      `has pale tissue beside strongly stained one, or a tinted ground: ${Math.round(100 * paleShare)} % of what has colour is paler than Otsu's threshold (${threshold} of 255) and not taken for tissue; if it is tissue, pass \`tissue: ${PALEST_TISSUE}\``,
    );
  }
  return mask;
}

/** Otsu's threshold, what is said of ink, and whether there is glass to tell tissue from. */
function thresholdOf(counts: Float64Array): {
  readonly threshold: number;
  readonly warnings: string[];
  readonly hasGlass: boolean;
} {
  const stained = counts.map((count, value) => (value < STRONG ? count : 0));
  const threshold = Math.max(LEAST_SATURATION, otsuThresholdOfCounts(stained));
  const ink = counts[INK] ?? 0;
  const within = (first: number, end: number): number =>
    counts.slice(first, end).reduce((sum, count) => sum + count, 0);
  const coloured = within(threshold + 1, INK + 1);
  const warnings: string[] = [];
  const share = (count: number): number => Math.round((100 * count) / coloured);
  if (ink > TOLD_INK * coloured) {
    warnings.push(
      `${share(ink)} % of what is coloured is green or blue as the ink of pens, and not taken for tissue; if these are stains (Masson, Alcian blue), pass \`tissue: ${threshold}\``,
    );
  }
  const even = counts[EVEN_INK] ?? 0;
  if (even > TOLD_INK * coloured) {
    warnings.push(
      `${share(even)} % of what is coloured is strongly red or purple, and even as the ink of pens is and tissue is not; it is not taken for tissue; if it is blood or nuclei, pass \`tissue: ${threshold}\``,
    );
  }
  const hasGlass = within(0, PALEST_TISSUE) >= LEAST_GLASS * within(0, counts.length);
  return { threshold, warnings, hasGlass };
}

function tissueOf({ width, height, data }: GreyImage, threshold: number): Mask {
  const of = (cells: Uint8Array): Mask => ({ width, height, data: cells });
  const above = of(data.map((value) => (value > threshold && value < EVEN_INK ? 1 : 0)));
  const closed = closeMask(above, CLOSING_SIDE, CLOSING_ITERATIONS);
  // Tissue all around does not make tissue of ink: not of any by closing, nor of marks by smoothing.
  const covered = of(closed.data.map((value, cell) => ((data[cell] ?? 0) < EVEN_INK ? value : 0)));
  const marks = medianFilter(of(data.map((value) => (value < EVEN_INK ? 0 : 1))), MARK_SIDE).data;
  const smooth = medianFilter(covered, MEDIAN_SIDE);
  return of(smooth.data.map((value, cell) => (marks[cell] === 1 ? 0 : value)));
}
