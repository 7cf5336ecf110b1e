import type { RandomStream } from "../common/index.js";
import type { ChannelStatistics } from "./channel-statistics.js";

/** What every channel of a patch's standardised features is multiplied by, and what is added then. */
export interface ChannelNoise {
  readonly factor: Float32Array;
  readonly shift: Float32Array;
}

/** Draws factors around 1 and shifts around 0, normal with a deviation. */
export function drawChannelNoise(channels: number, deviation: number, stream: RandomStream): ChannelNoise {
  const around = (centre: number) =>
    Float32Array.from({ length: channels }, () => centre + deviation * stream.normal());
  return { factor: around(1), shift: around(0) };
}

/** Statistics that standardise and disturb at once: ((x − mean) · scale) · factor + shift. */
export function disturbed(
  { mean, scale }: ChannelStatistics,
  { factor, shift }: ChannelNoise,
): ChannelStatistics {
  const scales = scale.map((value, channel) => value * (factor[channel] ?? 1));
  const means = mean.map((value, channel) => value - (shift[channel] ?? 0) / (scales[channel] ?? 1));
  return { mean: means, scale: scales };
}
