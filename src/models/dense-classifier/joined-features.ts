import type { FeatureMap } from "../backbones/index.js";

/** Features of several levels at the resolution of the coarsest, one after the other: [channels, height, width]. */
export interface JoinedFeatures {
  readonly channels: number;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Channels and cells that {@link joinFeatures} gives for an image. */
export function joinedShape(
  levels: readonly { readonly stride: number; readonly channels: number }[],
  size: { readonly width: number; readonly height: number },
): Omit<JoinedFeatures, "data"> & { readonly stride: number } {
  const stride = Math.max(...levels.map((level) => level.stride));
  return {
    stride,
    channels: levels.reduce((sum, level) => sum + level.channels, 0),
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
    for (let channel = 0; channel < level.channels; channel++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) data[offset++] = meanOf(level, channel, x * step, y * step, step);
      }
    }
  }
  return { channels, width, height, data };
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
