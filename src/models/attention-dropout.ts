import type { RandomStream } from "../common/index.js";
import {
  add,
  cast,
  floats,
  type HostTensors,
  input,
  isPositive,
  maximum,
  mean,
  multiply,
  scale,
  sigmoid,
  slice,
  subtract,
  type Value,
} from "../graph/index.js";

/** The name of the graph input that draws the attention dropout layers' masks: bool [3], true drops. */
export const dropDrawInput = "attention-dropout:draws";
/** Attention dropout layers of a network. */
export const attentionDropoutLayerCount = 3;

/** How an attention dropout layer was drawn for this call: [1], 1 for the drop mask, 0 for the importance map. */
export type DropDraw = Value;

/** Gives the draw of each layer of a network, in order, from the input {@link dropDrawInput}. */
export function dropDraws(): (layer: number) => DropDraw {
  const draws = cast(input(dropDrawInput, [attentionDropoutLayerCount], "bool"), "float32");
  return (layer) => slice(draws, [{ axis: 0, start: layer, end: layer + 1 }]);
}

/** Feeds {@link dropDrawInput} for one step: each layer drops with the probability `dropRate`. */
export function dropDrawFeeds(stream: RandomStream, dropRate: number): HostTensors {
  const data = Uint8Array.from({ length: attentionDropoutLayerCount }, () =>
    stream.chance(dropRate) ? 1 : 0,
  );
  return { [dropDrawInput]: { dataType: "bool", shape: [attentionDropoutLayerCount], data } };
}

/**
 * Attention Dropout Layer in training (Choe and Shim, CVPR 2019; paper section 2): the attention map is the
 * mean over channels of [N, C, H, W]. One draw per call multiplies the features either by the drop mask, which
 * hides attention above `threshold` of its maximum in each image, or by the importance map, its sigmoid.
 * In evaluation the layer is the identity and is not called.
 */
export function attentionDropout(features: Value, drawDropMask: DropDraw, threshold: number): Value {
  const attention = mean(features, [1], true);
  const limit = scale(maximum(attention, [2, 3]), threshold);
  // In floats throughout: GPUs have no truth values in memory, and what moves them there moves to the CPU.
  const dropped = multiply(isPositive(subtract(limit, attention)), drawDropMask);
  const weighted = multiply(sigmoid(attention), subtract(floats(1), drawDropMask));
  return multiply(features, add(dropped, weighted));
}
