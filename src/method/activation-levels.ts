import { type FloatMap, type GreyImage, resizeGreyBilinear } from "../imaging/index.js";

/** Smallest and largest value. */
function rangeOf(values: ArrayLike<number>): { readonly low: number; readonly high: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < values.length; index++) {
    low = Math.min(low, values[index] ?? low);
    high = Math.max(high, values[index] ?? high);
  }
  return { low, high };
}

/**
 * A class activation map as the authors quantise it: ReLU, min–max, cut to 8 bits. A map without contrast, for
 * example one that is negative everywhere, has no minimum and maximum to stretch and becomes all zero.
 */
export function quantiseActivations({ width, height, data }: FloatMap): GreyImage {
  const positive = data.map((value) => Math.max(value, 0));
  const { low, high } = rangeOf(positive);
  const range = Math.fround(high - low);
  // Every step is rounded to float32, as in the original, so that cutting gives the same level.
  const level = (value: number) => Math.trunc(Math.fround(255 * Math.fround((value - low) / range)));
  return { width, height, data: Uint8Array.from(positive, (value) => (range > 0 ? level(value) : 0)) };
}

/** Mean of 8-bit maps of one size, cut to 8 bits. */
export function averageLevels(maps: readonly [GreyImage, ...GreyImage[]]): GreyImage {
  const [first] = maps;
  const sums = new Uint32Array(first.data.length);
  for (const { data } of maps) {
    for (let pixel = 0; pixel < sums.length; pixel++) sums[pixel] = (sums[pixel] ?? 0) + (data[pixel] ?? 0);
  }
  return { ...first, data: Uint8Array.from(sums, (sum) => Math.floor(sum / maps.length)) };
}

/** Mean of 8-bit maps at the size of the first; the others are resized bilinearly. */
export async function averageScales(maps: readonly [GreyImage, ...GreyImage[]]): Promise<GreyImage> {
  const [first, ...others] = maps;
  if (others.length === 0) return first;
  const resized = others.map((map) => resizeGreyBilinear(map, first.width, first.height));
  return averageLevels([first, ...(await Promise.all(resized))]);
}

/** Levels stretched to 0 to 1; all zero when they are all equal. */
export function normaliseLevels({ width, height, data }: GreyImage): FloatMap {
  const { low, high } = rangeOf(data);
  const scale = high > low ? 1 / (high - low) : 0;
  return { width, height, data: Float32Array.from(data, (level) => (level - low) * scale) };
}
