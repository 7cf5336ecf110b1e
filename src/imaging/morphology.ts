import { EpSamError } from "../common/index.js";
import type { Mask } from "./types.js";

/**
 * Morphological opening (erosion, then dilation) with a square of `side` ones: removes what the square does
 * not fit into. The border counts neither as foreground nor as background, as in OpenCV.
 * @throws EpSamError `configuration` when `side` is not an odd, or `iterations` not a positive integer.
 */
export function openMask(mask: Mask, side: number, iterations = 1): Mask {
  const radius = radiusOf(side, iterations);
  return dilated(eroded(mask, radius), radius);
}

/** Morphological dilation: the pixels that a square of `side` ones reaches from the mask; see {@link openMask}. */
export function dilateMask(mask: Mask, side: number): Mask {
  return dilated(mask, radiusOf(side, 1));
}

/** Morphological closing (dilation, then erosion): fills what the square fits into; see {@link openMask}. */
export function closeMask(mask: Mask, side: number, iterations = 1): Mask {
  const radius = radiusOf(side, iterations);
  return eroded(dilated(mask, radius), radius);
}

/**
 * The median of the `side`×`side` neighbourhood of each pixel, edges repeated, as OpenCV's `medianBlur`.
 * @throws EpSamError `configuration` when `side` is not an odd integer.
 */
export function medianFilter(mask: Mask, side: number): Mask {
  requireOdd("the side of a median filter", side);
  return whereWindowsHold(mask, (side - 1) / 2, "repeated", (side * side + 1) / 2);
}

/** `iterations` passes with a square are one pass with a larger square, of which half the side is returned. */
function radiusOf(side: number, iterations: number): number {
  // An even side has no centre: OpenCV would shift the mask by a pixel.
  requireOdd("the side of a structuring element", side);
  requirePositiveInteger("the number of iterations", iterations);
  return ((side - 1) / 2) * iterations;
}

function dilated(mask: Mask, radius: number): Mask {
  return whereWindowsHold(mask, radius, "background", 1);
}

function eroded(mask: Mask, radius: number): Mask {
  return whereWindowsHold(mask, radius, "foreground", (2 * radius + 1) ** 2);
}

/** What lies beyond the edges of a mask: all one or the other, or the pixel nearest. */
type Beyond = "background" | "foreground" | "repeated";

/**
 * The pixels around which the square of `radius` pixels to each side holds `least` foreground pixels. Sums of columns
 * and of squares are carried along, so that the time does not depend on the radius.
 */
function whereWindowsHold(mask: Mask, radius: number, beyond: Beyond, least: number): Mask {
  const { width, height } = mask;
  if (radius === 0) return { width, height, data: mask.data.slice() };
  const padded = pad(mask, radius, beyond);
  const stride = width + 2 * radius;
  const side = 2 * radius + 1;
  const columns = columnSums(padded, stride, side);
  const data = new Uint8Array(width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const leaving = y * stride;
    const entering = (y + side) * stride;
    let sum = 0;
    for (let x = 0; x < stride; x++) {
      const column = (columns[x] ?? 0) + (padded[entering + x] ?? 0) - (padded[leaving + x] ?? 0);
      columns[x] = column;
      sum += column;
      if (x < side - 1) continue;
      data[to++] = sum >= least ? 1 : 0;
      sum -= columns[x - side + 1] ?? 0;
    }
  }
  return { width, height, data };
}

/** Sums of the first rows, by column. */
function columnSums(padded: Uint8Array, stride: number, rows: number): Int32Array {
  const sums = new Int32Array(stride);
  for (let at = 0; at < rows * stride; at++) sums[at % stride] = (sums[at % stride] ?? 0) + (padded[at] ?? 0);
  return sums;
}

/** The pixels of a mask with a border of `radius` pixels on every side, below a row of zeros. */
function pad({ width, height, data }: Mask, radius: number, beyond: Beyond): Uint8Array {
  const stride = width + 2 * radius;
  const padded = new Uint8Array(stride * (1 + height + 2 * radius));
  const rows = padded.subarray(stride).fill(beyond === "foreground" ? 1 : 0);
  for (let y = 0; y < height; y++) {
    const start = (y + radius) * stride;
    rows.set(data.subarray(y * width, (y + 1) * width), start + radius);
    if (beyond !== "repeated") continue;
    rows.fill(data[y * width] ?? 0, start, start + radius);
    rows.fill(data[(y + 1) * width - 1] ?? 0, start + radius + width, start + stride);
  }
  if (beyond !== "repeated") return padded;
  const [first, last] = [radius * stride, (radius + height - 1) * stride];
  for (let y = 0; y < radius; y++) {
    rows.copyWithin(y * stride, first, first + stride);
    rows.copyWithin(last + (y + 1) * stride, last, last + stride);
  }
  return padded;
}

function requirePositiveInteger(name: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new EpSamError("configuration", {
    what: `${name} cannot be ${value}`,
    action: "Use a positive integer.",
  });
}

function requireOdd(name: string, value: number): void {
  requirePositiveInteger(name, value);
  if (value % 2 === 1) return;
  throw new EpSamError("configuration", { what: `${name} cannot be ${value}`, action: "Use an odd number." });
}
