import {
  add,
  axisSize,
  constant,
  conv2d,
  floatTensor,
  relu,
  reshape,
  separable,
  shape4,
  type Value,
} from "../../graph/index.js";
import { bilinearMatrix } from "../../imaging/index.js";
import { lookupWithin, type ParameterLookup } from "../../nn/index.js";
import type { FeatureLevels, FeatureStride } from "../feature-levels.js";

/** Channels of every level inside the pyramid. */
const WIDTH = 64;

/**
 * A feature pyramid (Lin et al., 2017) on a classifier's levels: each is brought to 64 channels, two 3×3 convolutions
 * at stride 16, one each after adding the next finer level at 8 and 4, and logits from the last.
 * @param parameters `lateral.<stride>`, `smooth.16.0`, `smooth.16.1`, `smooth.8`, `smooth.4`, `logits`, each with
 *   `weight` and `bias`
 * @returns logits at the finest level, [B, 1, H, W]; above 0 is foreground
 */
export function featurePyramid(parameters: ParameterLookup, features: FeatureLevels): Value {
  const part = (name: string) => lookupWithin(parameters, name);
  const lateral = (stride: FeatureStride) =>
    convolution(part(`lateral.${stride}`), features[stride], WIDTH, 1);
  const smoothed = (name: string, x: Value) => relu(convolution(part(`smooth.${name}`), x, WIDTH, 3));
  const coarse = smoothed("16.1", smoothed("16.0", relu(lateral(16))));
  const middle = smoothed("8", joined(lateral(8), coarse));
  const fine = smoothed("4", joined(lateral(4), middle));
  return convolution(part("logits"), fine, 1, 1);
}

/** The sum of a level and the coarser one, brought to its size. */
function joined(level: Value, coarser: Value): Value {
  const [, , height, width] = shape4(level, "featurePyramid");
  return add(level, resized(coarser, { width, height }));
}

/** Bilinear resampling of [B, C, H, W]; from logits of a level to those of the patch. */
export function resized(x: Value, size: { readonly width: number; readonly height: number }): Value {
  const [, , height, width] = shape4(x, "featurePyramid");
  const rows = constant(floatTensor([size.height, height], bilinearMatrix(size.height, height)));
  const columns = constant(floatTensor([size.width, width], bilinearMatrix(size.width, width)));
  return separable(x, rows, columns);
}

function convolution(parameters: ParameterLookup, x: Value, outputs: number, kernel: 1 | 3): Value {
  const weight = parameters("weight", [outputs, axisSize(x.shape, 1), kernel, kernel]);
  const bias = reshape(parameters("bias", [outputs]), [1, outputs, 1, 1]);
  return add(conv2d(x, weight, { stride: 1, padding: (kernel - 1) / 2 }), bias);
}
