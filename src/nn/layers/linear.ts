import { add, axisSize, matmul, relu, reshape, type Value } from "../../graph/index.js";
import { lookupWithin, type ParameterLookup } from "../parameters.js";

/**
 * x · weightᵀ + bias over the last axis.
 * @param x [..., inputs]
 * @param weight [outputs, inputs]
 * @param bias [outputs]; none where it is left out
 * @returns [..., outputs]
 */
export function affine(x: Value, weight: Value, bias?: Value): Value {
  const leading = x.shape.slice(0, -1);
  // One flat matrix product is faster than a stack of them, and its weight gradient is one product too.
  const flat = reshape(x, [-1, axisSize(x.shape, -1)]);
  const product = matmul(flat, weight, { transposeB: true });
  const shifted = bias === undefined ? product : add(product, bias);
  return reshape(shifted, [...leading, axisSize(weight.shape, 0)]);
}

/** A fully connected layer with parameters `weight` [outputs, inputs] and `bias` [outputs]. */
export function linear(parameters: ParameterLookup, x: Value, outputs: number): Value {
  const inputs = axisSize(x.shape, -1);
  return affine(x, parameters("weight", [outputs, inputs]), parameters("bias", [outputs]));
}

/**
 * Fully connected layers `layers.0`, `layers.1`, … of the given widths with ReLU between them
 * (SAM's hypernetworks and IoU head).
 */
export function multilayerPerceptron(
  parameters: ParameterLookup,
  x: Value,
  widths: readonly number[],
): Value {
  return widths.reduce((value, width, index) => {
    const layer = linear(lookupWithin(parameters, `layers.${index}`), value, width);
    return index === widths.length - 1 ? layer : relu(layer);
  }, x);
}
