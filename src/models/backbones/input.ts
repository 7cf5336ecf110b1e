import { channelAffine, concat, floats, scale, type Value } from "../../graph/index.js";
import { highFrequencyChannel } from "../high-frequency.js";
import type { BackboneEntry } from "./entry.js";

/**
 * What a backbone's first convolution takes: normalised colours and, if asked, the high-frequency channel, which is
 * that of the image in [0, 1] as in the patch classifier.
 * @param images colours from 0 to 255, [N, 3, H, W]
 */
export function stemInput(
  images: Value,
  { mean, deviation }: BackboneEntry["normalisation"],
  highFrequency: boolean,
): Value {
  const factor = floats(
    deviation.map((size) => 1 / size),
    [3],
  );
  const shift = floats(
    mean.map((level, channel) => -level / (deviation[channel] ?? 1)),
    [3],
  );
  const colours = channelAffine(images, factor, shift);
  return highFrequency ? concat([colours, highFrequencyChannel(scale(images, 1 / 255))], 1) : colours;
}
