import { roundHalfToEven } from "./resize-8bit.js";
import type { GreyImage, Mask, RgbImage } from "./types.js";

const SATURATION_SHIFT = 12;

/** `255 * 2^12 / value`, rounded: OpenCV divides by this table. */
const SATURATION_RECIPROCALS = Int32Array.from({ length: 256 }, (_, value) =>
  value === 0 ? 0 : roundHalfToEven((255 << SATURATION_SHIFT) / value),
);

/** The saturation channel of OpenCV's 8-bit HSV (`COLOR_RGB2HSV`), 0 to 255. */
export function hsvSaturation(image: RgbImage): GreyImage {
  const { width, height } = image;
  const source = image.data;
  const data = new Uint8Array(width * height);
  for (let pixel = 0, at = 0; pixel < data.length; pixel++, at += 3) {
    const red = source[at] ?? 0;
    const green = source[at + 1] ?? 0;
    const blue = source[at + 2] ?? 0;
    const value = Math.max(red, green, blue);
    const difference = value - Math.min(red, green, blue);
    const scaled = difference * (SATURATION_RECIPROCALS[value] ?? 0);
    data[pixel] = (scaled + (1 << (SATURATION_SHIFT - 1))) >> SATURATION_SHIFT;
  }
  return { width, height, data };
}

/**
 * Otsu's threshold: the level t for which the classes `value <= t` and `value > t` differ most; the lowest on
 * a tie, and 0 for an image of one value, as in OpenCV's `THRESH_OTSU`.
 */
export function otsuThreshold(image: GreyImage): number {
  return otsuThresholdOfCounts(histogram(image));
}

/** How many pixels have each of the 256 values; added to `counts` when given. */
export function histogram(image: GreyImage, counts: Float64Array = new Float64Array(256)): Float64Array {
  const { data } = image;
  for (let at = 0; at < data.length; at++) {
    const value = data[at] ?? 0;
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

/** {@link otsuThreshold} of an image whose values have these counts, for images read in parts. */
export function otsuThresholdOfCounts(counts: Float64Array): number {
  const scale = 1 / counts.reduce((sum, count) => sum + count, 0);
  const mean = counts.reduce((sum, count, level) => sum + level * count, 0) * scale;
  let best = { variance: 0, level: 0 };
  let weightBelow = 0;
  let meanBelow = 0;
  for (let level = 0; level < 256; level++) {
    const probability = (counts[level] ?? 0) * scale;
    meanBelow *= weightBelow;
    weightBelow += probability;
    const weightAbove = 1 - weightBelow;
    // OpenCV's FLT_EPSILON: a class this small has no mean.
    if (Math.min(weightBelow, weightAbove) < 2 ** -23 || Math.max(weightBelow, weightAbove) > 1 - 2 ** -23) {
      continue;
    }
    meanBelow = (meanBelow + level * probability) / weightBelow;
    const meanAbove = (mean - weightBelow * meanBelow) / weightAbove;
    const variance = weightBelow * weightAbove * (meanBelow - meanAbove) ** 2;
    if (variance > best.variance) best = { variance, level };
  }
  return best.level;
}

/** The mask of the pixels strictly above `threshold`. */
export function maskAbove(image: GreyImage, threshold: number): Mask {
  return { ...image, data: image.data.map((value) => (value > threshold ? 1 : 0)) };
}
