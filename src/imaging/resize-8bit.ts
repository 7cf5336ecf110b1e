import type { GreyImage } from "./types.js";

/** OpenCV keeps weights as multiples of 1/2048. */
const ONE = 2048;

/** For each target position the two source positions it lies between, and their weights. */
interface Steps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly lowWeight: Int32Array;
  readonly highWeight: Int32Array;
}

/**
 * Resizes an 8-bit image, or a mask, as OpenCV's `resize(..., INTER_LINEAR)` does, bit for bit: in fixed point, rows
 * rounded otherwise than columns (modules/imgproc/src/resize.cpp of 4.12), so that real-valued interpolation does not
 * give its levels. Halving both sides is, as there, the mean of four pixels.
 */
export function resizeGreyBilinear(image: GreyImage, width: number, height: number): GreyImage {
  if (width === image.width && height === image.height) return { width, height, data: image.data.slice() };
  if (2 * width === image.width && 2 * height === image.height) return halved(image);
  const columns = stepsOf(image.width, width, false);
  const rows = stepsOf(image.height, height, true);
  const data = new Uint8Array(width * height);
  let [lower, upper] = [new Int32Array(width), new Int32Array(width)];
  let [lowerRow, upperRow] = [-1, -1];
  for (let y = 0; y < height; y++) {
    const [low, high] = [rows.low[y] ?? 0, rows.high[y] ?? 0];
    if (low === upperRow) {
      [lower, upper] = [upper, lower];
      [lowerRow, upperRow] = [upperRow, lowerRow];
    }
    if (low !== lowerRow) widen(image, low, columns, lower);
    if (high !== upperRow) widen(image, high, columns, upper);
    [lowerRow, upperRow] = [low, high];
    blend(lower, rows.lowWeight[y] ?? 0, upper, rows.highWeight[y] ?? 0, data.subarray(y * width));
  }
  return { width, height, data };
}

function blend(
  one: Int32Array,
  oneWeight: number,
  other: Int32Array,
  otherWeight: number,
  into: Uint8Array,
): void {
  for (let x = 0; x < one.length; x++) {
    const upper = Math.imul(oneWeight, (one[x] ?? 0) >> 4) >> 16;
    const lower = Math.imul(otherWeight, (other[x] ?? 0) >> 4) >> 16;
    into[x] = (upper + lower + 2) >> 2;
  }
}

/** One row of the source at the target's width, in multiples of 1/2048. */
function widen({ width, data }: GreyImage, row: number, columns: Steps, into: Int32Array): void {
  const { low, high, lowWeight, highWeight } = columns;
  const from = row * width;
  for (let x = 0; x < into.length; x++) {
    const one = Math.imul(data[from + (low[x] ?? 0)] ?? 0, lowWeight[x] ?? 0);
    into[x] = one + Math.imul(data[from + (high[x] ?? 0)] ?? 0, highWeight[x] ?? 0);
  }
}

/**
 * Positions are in single precision, and weights rounded half to even, as in the original.
 * @param weighsEdges whether beyond an edge the pixel at it is taken twice, in parts, instead of once
 */
function stepsOf(from: number, to: number, weighsEdges: boolean): Steps {
  const [low, high] = [new Int32Array(to), new Int32Array(to)];
  const [lowWeight, highWeight] = [new Int32Array(to), new Int32Array(to)];
  const scale = 1 / (to / from);
  for (let target = 0; target < to; target++) {
    const position = Math.fround((target + 0.5) * scale - 0.5);
    const floor = Math.floor(position);
    const isBeyond = floor < 0 || floor >= from - 1;
    const share = isBeyond && !weighsEdges ? 0 : Math.fround(position - floor);
    low[target] = Math.min(Math.max(floor, 0), from - 1);
    high[target] = Math.min(Math.max(floor + 1, 0), from - 1);
    lowWeight[target] = roundHalfToEven(Math.fround(1 - share) * ONE);
    highWeight[target] = roundHalfToEven(share * ONE);
  }
  return { low, high, lowWeight, highWeight };
}

/** As OpenCV rounds. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function halved({ width, height, data }: GreyImage): GreyImage {
  const target = new Uint8Array((width * height) / 4);
  for (let y = 0, to = 0; y < height; y += 2) {
    for (let at = y * width; at < (y + 1) * width; at += 2, to++) {
      const upper = (data[at] ?? 0) + (data[at + 1] ?? 0);
      const lower = (data[at + width] ?? 0) + (data[at + width + 1] ?? 0);
      target[to] = (upper + lower + 2) >> 2;
    }
  }
  return { width: width / 2, height: height / 2, data: target };
}
