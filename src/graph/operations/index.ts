import { attentionOperations } from "./attention.js";
import { batchNormOperations } from "./batch-norm.js";
import { channelOperations } from "./channels.js";
import { clippingOperations } from "./clipping.js";
import { convolutionOperations } from "./convolution.js";
import { depthwiseOperations } from "./depthwise.js";
import { elementwiseOperations } from "./elementwise.js";
import { matmulOperations } from "./matmul.js";
import { maxPoolingOperations } from "./max-pooling.js";
import { orderingOperations } from "./ordering.js";
import { poolingOperations } from "./pooling.js";
import { reductionOperations } from "./reductions.js";
import { shapeOperations } from "./shapes.js";
import { slicingOperations } from "./slicing.js";

/** Every operation there is, by name: shape rule, ONNX lowering, vector–Jacobian product. */
export const registry = {
  ...elementwiseOperations,
  ...shapeOperations,
  ...slicingOperations,
  ...reductionOperations,
  ...channelOperations,
  ...batchNormOperations,
  ...matmulOperations,
  ...convolutionOperations,
  ...depthwiseOperations,
  ...clippingOperations,
  ...maxPoolingOperations,
  ...poolingOperations,
  ...orderingOperations,
  ...attentionOperations,
} as const;

/** The name of a registered operation. */
export type OperationName = keyof typeof registry;

export { joinHeads, multiHeadAttention, splitHeads } from "./attention.js";
export { type BatchNormAttributes, batchNorm, channelMoments } from "./batch-norm.js";
export {
  addChannelAffine,
  channelAffine,
  channelDot,
  channelScale,
  channelSum,
} from "./channels.js";
export { relu6, relu6Gradient } from "./clipping.js";
export { conv2d, conv2dWeightGradient, convTranspose2d } from "./convolution.js";
export type { ConvolutionAttributes, WeightGradientAttributes } from "./convolution-weights.js";
export { flippedWeights, scaleOutputs } from "./convolution-weights.js";
export {
  type DepthwiseOptions,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
} from "./depthwise.js";
export type { Sides } from "./depthwise-lowering.js";
export {
  absolute,
  add,
  cast,
  cos,
  divide,
  erf,
  exp,
  gelu,
  greater,
  isPositive,
  log,
  multiply,
  negate,
  relu,
  scale,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  subtract,
  where,
} from "./elementwise.js";
export { matmul, rows, separable } from "./matmul.js";
export { maxPool2d, maxPool2dGradient, maxPool2dIndices } from "./max-pooling.js";
export { synchronised, zeroAfter } from "./ordering.js";
export { gather, scatterAdd, takeRows } from "./pooling.js";
export type { PoolingAttributes } from "./pooling-windows.js";
export {
  maximum,
  mean,
  softmax,
  stackRows,
} from "./reductions.js";
export { broadcastTo, reshape, sum, transpose } from "./shapes.js";
export { concat, dilate, type Padding, pad, reverse, type SliceRange, slice } from "./slicing.js";
