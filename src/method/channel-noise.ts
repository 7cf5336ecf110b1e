import type { RandomStream } from "../common/index.js";
import type { ChannelStatistics } from "./channel-statistics.js";

/** What every channel of a patch's standardised features is multiplied by, and what is added then. */
export interface ChannelNoise {
  readonly factor: Float32Array;
  readonly shift: Float32Array;
}

/** Draws factors around 1 and shifts around 0, normal with a deviation. */
export function drawChannelNoise(channels: number, deviation: number, stream: RandomStream): ChannelNoise {
  const around = (centre: number) => {
    const drawn = new Float32Array(channels);
    for (let channel = 0; channel < channels; channel++)
      drawn[channel] = centre + deviation * stream.normal();
    return drawn;
  };
  return { factor: around(1), shift: around(0) };
}

/** Statistics that standardise and disturb at once: ((x − mean) · scale) · factor + shift. */
export function disturbed(
  { mean, scale }: ChannelStatistics,
  { factor, shift }: ChannelNoise,
): ChannelStatistics {
  const [means, scales] = [new Float32Array(mean.length), new Float32Array(scale.length)];
  for (let channel = 0; channel < mean.length; channel++) {
    scales[channel] = (scale[channel] ?? 1) * (factor[channel] ?? 1);
    means[channel] = (mean[channel] ?? 0) - (shift[channel] ?? 0) / (scales[channel] ?? 1);
  }
  return { mean: means, scale: scales };
}
