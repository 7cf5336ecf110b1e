import type { FeatureMap } from "../backbones/index.js";

/** Features of several levels at the resolution of the coarsest, one after the other: [channels, height, width]. */
export interface JoinedFeatures {
  readonly channels: number;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Channels and cells that {@link joinFeatures} gives for an image, and {@link withContext} then. */
export function joinedShape(
  levels: readonly { readonly stride: number; readonly channels: number }[],
  size: { readonly width: number; readonly height: number },
  context: readonly number[] = [],
): Omit<JoinedFeatures, "data"> & { readonly stride: number } {
  const stride = Math.max(...levels.map((level) => level.stride));
  return {
    stride,
    channels: levels.reduce((sum, level) => sum + level.channels, 0) * (1 + context.length),
    width: Math.ceil(size.width / stride),
    height: Math.ceil(size.height / stride),
  };
}

/** Brings finer levels to the coarsest by means over the cells of each of its cells, and joins them, finest first. */
export function joinFeatures(levels: readonly FeatureMap[]): JoinedFeatures {
  const coarsest = levels.reduce((a, b) => (b.stride > a.stride ? b : a));
  const { width, height } = coarsest;
  const channels = levels.reduce((sum, level) => sum + level.channels, 0);
  const data = new Float32Array(channels * width * height);
  let offset = 0;
  for (const level of levels) {
    const step = coarsest.stride / level.stride;
    if (step === 1) {
      data.set(level.data, offset);
      offset += level.data.length;
      continue;
    }
    for (let channel = 0; channel < level.channels; channel++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) data[offset++] = meanOf(level, channel, x * step, y * step, step);
      }
    }
  }
  return { channels, width, height, data };
}

/**
 * Features followed by their means over squares around every cell, as far as the image has them: what a cell lies in,
 * so that the white inside a gland is told from the white beside it.
 * @param context sides of the squares in cells, odd
 */
export function withContext(features: JoinedFeatures, context: readonly number[]): JoinedFeatures {
  if (context.length === 0) return features;
  const { channels, width, height } = features;
  const means = context.map((side) => squareMeans(features, (side - 1) / 2));
  const data = new Float32Array(channels * width * height * (1 + context.length));
  [features.data, ...means].forEach((part, index) => {
    data.set(part, index * part.length);
  });
  return { channels: channels * (1 + context.length), width, height, data };
}

/** Means over the cells at most `reach` away along each axis: running sums along rows, then along columns. */
function squareMeans({ channels, width, height, data }: JoinedFeatures, reach: number): Float32Array {
  const rows = runningMeans(data, { lines: channels * height, length: width, step: 1, next: width }, reach);
  const means = new Float32Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * width * height;
    const plane = rows.subarray(start, start + width * height);
    means.set(runningMeans(plane, { lines: width, length: height, step: width, next: 1 }, reach), start);
  }
  return means;
}

/** Means of neighbours along lines whose values are `step` apart and which begin `next` apart. */
function runningMeans(
  values: Float32Array,
  { lines, length, step, next }: Record<"lines" | "length" | "step" | "next", number>,
  reach: number,
): Float32Array {
  const means = new Float32Array(values.length);
  const sums = new Float64Array(length + 1);
  for (let line = 0; line < lines; line++) {
    const start = line * next;
    for (let at = 0; at < length; at++) sums[at + 1] = (sums[at] ?? 0) + (values[start + at * step] ?? 0);
    for (let at = 0; at < length; at++) {
      const [from, to] = [Math.max(0, at - reach), Math.min(length, at + reach + 1)];
      means[start + at * step] = ((sums[to] ?? 0) - (sums[from] ?? 0)) / (to - from);
    }
  }
  return means;
}

/** Mean over `step` × `step` cells, as far as the level has them. */
function meanOf(
  { width, height, data }: FeatureMap,
  channel: number,
  x: number,
  y: number,
  step: number,
): number {
  const [right, bottom] = [Math.min(width, x + step), Math.min(height, y + step)];
  let sum = 0;
  for (let row = y; row < bottom; row++) {
    const start = (channel * height + row) * width;
    for (let column = x; column < right; column++) sum += data[start + column] ?? 0;
  }
  return sum / ((right - x) * (bottom - y));
}
