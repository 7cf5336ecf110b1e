import { cast, greater, maximum, mean, multiply, scale, sigmoid, type Value, where } from "../graph/index.js";

/** How an attention dropout layer was drawn for this call: a truth value [1], true for the drop mask. */
export type DropDraw = Value;

/**
 * Attention Dropout Layer in training (Choe and Shim, CVPR 2019; paper section 2): the attention map is the
 * mean over channels of [N, C, H, W]. One draw per call multiplies the features either by the drop mask, which
 * hides attention above `threshold` of its maximum in each image, or by the importance map, its sigmoid.
 * In evaluation the layer is the identity and is not called.
 */
export function attentionDropout(features: Value, drawDropMask: DropDraw, threshold: number): Value {
  const attention = mean(features, [1], true);
  const limit = scale(maximum(attention, [2, 3]), threshold);
  const dropMask = cast(greater(limit, attention), "float32");
  return multiply(features, where(drawDropMask, dropMask, sigmoid(attention)));
}
