import {
  add,
  axisSize,
  conv2d,
  input,
  multiply,
  relu,
  reshape,
  type Shape,
  shape4,
  subtract,
  type Value,
} from "../../graph/index.js";
import { lookupWithin, type ParameterLookup } from "../../nn/index.js";

/** How the features of a dense head are standardised: by numbers per channel, fed for each image. */
export const standardisationInputs = { mean: "feature-mean", scale: "feature-scale" } as const;

/** Shape of what is fed for {@link standardisationInputs}. */
export function standardisationShape(batchSize: number, channels: number): Shape {
  return [batchSize, channels, 1, 1];
}

/**
 * Features less their mean, divided by their deviation: (x − mean) · scale with the inputs of
 * {@link standardisationInputs}, [N, C, 1, 1] each.
 * @param features [N, C, H, W]
 */
export function standardised(features: Value): Value {
  const [batch, channels] = shape4(features, "standardised");
  const shape = standardisationShape(batch, channels);
  const centred = subtract(features, input(standardisationInputs.mean, shape));
  return multiply(centred, input(standardisationInputs.scale, shape));
}

/**
 * A network that judges every cell of a feature map by itself: C → hidden → 1 with ReLU between.
 * @param parameters gives `0.weight` [hidden, C, 1, 1], `0.bias`, `2.weight` [1, hidden, 1, 1] and `2.bias`
 * @param features [N, C, H, W], standardised
 * @returns logits of tumour, [N, 1, H, W]
 */
export function denseHead(parameters: ParameterLookup, features: Value, hidden: number): Value {
  return pointwise(
    lookupWithin(parameters, "2"),
    relu(pointwise(lookupWithin(parameters, "0"), features, hidden)),
    1,
  );
}

function pointwise(parameters: ParameterLookup, x: Value, outputs: number): Value {
  const weight = parameters("weight", [outputs, axisSize(x.shape, 1), 1, 1]);
  const bias = reshape(parameters("bias", [outputs]), [1, outputs, 1, 1]);
  return add(conv2d(x, weight, { stride: 1, padding: 0 }), bias);
}
