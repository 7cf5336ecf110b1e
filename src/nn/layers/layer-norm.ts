import {
  add,
  axisSize,
  divide,
  floats,
  mean,
  multiply,
  reshape,
  sqrt,
  square,
  subtract,
  type Value,
} from "../../graph/index.js";
import type { ParameterLookup } from "../parameters.js";

/**
 * Layer normalisation over the last axis (Ba et al., 2016) with parameters `weight` and `bias` of its size.
 * @param epsilon added to the variance; 1e-5 is PyTorch's default, SAM's LayerNorm2d takes 1e-6
 */
export function layerNorm(parameters: ParameterLookup, x: Value, epsilon = 1e-5): Value {
  const last = x.shape.length - 1;
  const size = axisSize(x.shape, -1);
  const weight = parameters("weight", [size]);
  const bias = parameters("bias", [size]);
  return add(multiply(standardised(x, last, epsilon), weight), bias);
}

/** Layer normalisation over the channels of [N, C, H, W] at each pixel, SAM's `LayerNorm2d`. */
export function layerNorm2d(parameters: ParameterLookup, x: Value, epsilon = 1e-6): Value {
  const channels = axisSize(x.shape, 1);
  const weight = reshape(parameters("weight", [channels]), [channels, 1, 1]);
  const bias = reshape(parameters("bias", [channels]), [channels, 1, 1]);
  return add(multiply(standardised(x, 1, epsilon), weight), bias);
}

/** Mean 0 and variance 1 along an axis. */
function standardised(x: Value, axis: number, epsilon: number): Value {
  const centred = subtract(x, mean(x, [axis], true));
  const variance = mean(square(centred), [axis], true);
  return divide(centred, sqrt(add(variance, floats(epsilon))));
}
