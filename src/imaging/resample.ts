import { EpSamError } from "../common/index.js";
import { channelsOf } from "./encode.js";
import type { RgbImage } from "./types.js";

export type ResampleFilter = "bilinear" | "bicubic" | "lanczos";

interface FilterKernel {
  /** Half-width in source pixels at scale 1. */
  readonly support: number;
  readonly weight: (distance: number) => number;
}

/** Which source pixels make each target pixel, and their weights in fixed point. */
interface Coefficients {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** `weights[target * stride + k]` belongs to source pixel `first[target] + k`. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Eight bits for the pixel and two for overshoot are left of 32, as in Pillow's Resample.c. */
const PRECISION_BITS = 32 - 8 - 2;
const HALF = 1 << (PRECISION_BITS - 1);

const KERNELS: Readonly<Record<ResampleFilter, FilterKernel>> = {
  bilinear: { support: 1, weight: triangle },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: lanczos3 },
};

function triangle(distance: number): number {
  return Math.max(0, 1 - Math.abs(distance));
}

/** Keys' cubic convolution with a = -0.5. */
function cubic(distance: number): number {
  const a = -0.5;
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function lanczos3(distance: number): number {
  return -3 <= distance && distance < 3 ? sinc(distance) * sinc(distance / 3) : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** A rectangle of an image in pixels, between them too; pixels beyond it still count where the filter reaches. */
export interface ResampleBox {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/**
 * Resizes as Pillow's `Image.resize` does, bit for bit: antialiased (the filter widens when shrinking), 8-bit
 * fixed point, horizontal pass first.
 * @param box the part to resize, as Pillow's parameter of that name; by default the whole image
 * @throws EpSamError `shape` when a side is not a positive integer, or the box is empty or leaves the image.
 */
export function resizeRgb(
  image: RgbImage,
  width: number,
  height: number,
  filter: ResampleFilter = "bilinear",
  box: ResampleBox = { left: 0, top: 0, right: image.width, bottom: image.height },
): RgbImage {
  requireSide(width);
  requireSide(height);
  requireBox(image, box);
  const channels = channelsOf(image);
  const kernel = KERNELS[filter];
  const isWholeWidth = width === image.width && box.left === 0 && box.right === width;
  const isWholeHeight = height === image.height && box.top === 0 && box.bottom === height;
  const columns = coefficients(image.width, box.left, box.right, width, kernel);
  const rows = coefficients(image.height, box.top, box.bottom, height, kernel);
  const wide = isWholeWidth
    ? image.data
    : resampleRows(image.data, image.width, image.height, channels, columns);
  const data = isWholeHeight ? wide : resampleColumns(wide, width * channels, rows);
  return { width, height, data: data === image.data ? data.slice() : data };
}

function requireSide(side: number): void {
  if (Number.isInteger(side) && side > 0) return;
  throw new EpSamError("shape", { what: `an image cannot be resized to a side of ${side} pixels` });
}

function requireBox({ width, height }: RgbImage, { left, top, right, bottom }: ResampleBox): void {
  if (0 <= left && left < right && right <= width && 0 <= top && top < bottom && bottom <= height) return;
  throw new EpSamError("shape", {
    what: `an image of ${width}x${height} pixels has no part from ${left}, ${top} to ${right}, ${bottom}`,
  });
}

function coefficients(
  extent: number,
  begin: number,
  end: number,
  to: number,
  kernel: FilterKernel,
): Coefficients {
  // Pillow passes the box in single precision.
  const start = Math.fround(begin);
  const scale = Math.fround(Math.fround(end) - start) / to;
  const filterScale = Math.max(scale, 1);
  const support = kernel.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(to);
  const count = new Int32Array(to);
  const weights = new Int32Array(to * stride);
  const inverseScale = 1 / filterScale;
  for (let target = 0; target < to; target++) {
    const centre = start + (target + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const until = Math.min(extent, Math.trunc(centre + support + 0.5));
    const real = Array.from({ length: until - from }, (_, k) =>
      kernel.weight((k + from - centre + 0.5) * inverseScale),
    );
    const total = real.reduce((sum, weight) => sum + weight, 0);
    first[target] = from;
    count[target] = until - from;
    real.forEach((weight, k) => {
      weights[target * stride + k] = fixedPoint(total === 0 ? weight : weight / total);
    });
  }
  return { first, count, weights, stride };
}

/** Rounds half away from zero, as Pillow's cast after adding ±0.5 does. */
function fixedPoint(weight: number): number {
  return Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** PRECISION_BITS);
}

function resampleRows(
  source: Uint8Array,
  width: number,
  height: number,
  channels: 1 | 3,
  { first, count, weights, stride }: Coefficients,
): Uint8Array {
  const targetWidth = first.length;
  const result = new Uint8ClampedArray(targetWidth * height * channels);
  for (let y = 0; y < height; y++) {
    const row = y * width * channels;
    let out = y * targetWidth * channels;
    for (let x = 0; x < targetWidth; x++) {
      const begin = row + (first[x] ?? 0) * channels;
      const taps = count[x] ?? 0;
      const weight = x * stride;
      for (let channel = 0; channel < channels; channel++, out++) {
        let sum = HALF;
        for (let k = 0, at = begin + channel; k < taps; k++, at += channels) {
          sum += (source[at] ?? 0) * (weights[weight + k] ?? 0);
        }
        result[out] = sum >> PRECISION_BITS;
      }
    }
  }
  return bytesOf(result);
}

function resampleColumns(
  source: Uint8Array,
  rowLength: number,
  { first, count, weights, stride }: Coefficients,
): Uint8Array {
  const result = new Uint8ClampedArray(rowLength * first.length);
  const sums = new Int32Array(rowLength);
  for (let y = 0; y < first.length; y++) {
    sums.fill(HALF);
    for (let k = 0; k < (count[y] ?? 0); k++) {
      const weight = weights[y * stride + k] ?? 0;
      const row = ((first[y] ?? 0) + k) * rowLength;
      for (let x = 0; x < rowLength; x++) sums[x] = (sums[x] ?? 0) + (source[row + x] ?? 0) * weight;
    }
    const out = y * rowLength;
    for (let x = 0; x < rowLength; x++) result[out + x] = (sums[x] ?? 0) >> PRECISION_BITS;
  }
  return bytesOf(result);
}

function bytesOf(clamped: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(clamped.buffer, clamped.byteOffset, clamped.length);
}
