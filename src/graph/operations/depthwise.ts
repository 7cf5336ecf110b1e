import { lowerComposition } from "../composition.js";
import {
  apply,
  bothInputs,
  defineOperation,
  fourSizes,
  type Operation,
  requireFloat,
  shapeError,
} from "../operation.js";
import { shape4, type Value } from "../value.js";
import { channelSum } from "./channels.js";
import {
  blockedInputGradient,
  convolvedWeightGradient,
  type DepthwiseAttributes,
  type DepthwiseInputGradientAttributes,
  type DepthwiseWeightGradientAttributes,
  depthwiseNode,
  type Sides,
  turnedKernels,
} from "./depthwise-lowering.js";
import { multiply } from "./elementwise.js";
import { reshape, sum } from "./shapes.js";
import { concat, dilate, pad, slice } from "./slicing.js";

// Convolutions of each channel by a kernel of its own. Result, image gradient and weight gradient are three operations,
// each linear in both operands, whose gradients are the other two.

/** What {@link depthwiseConv2d} takes beside its operands. */
export interface DepthwiseOptions {
  readonly stride?: number;
  /** Zeros around the image, on all sides alike or at [top, left, bottom, right]; none unless told. */
  readonly padding?: number | Sides;
}

const attributesOf = ({ stride = 1, padding = 0 }: DepthwiseOptions): DepthwiseAttributes => ({
  stride,
  padding: typeof padding === "number" ? [padding, padding, padding, padding] : padding,
});

/** Sizes of the result of a kernel on an image. */
function resultSizes(
  [height, width]: readonly [number, number],
  [kernelHeight, kernelWidth]: readonly [number, number],
  { stride, padding: [top, left, bottom, right] }: DepthwiseAttributes,
): readonly [number, number] {
  return [
    Math.floor((height + top + bottom - kernelHeight) / stride) + 1,
    Math.floor((width + left + right - kernelWidth) / stride) + 1,
  ];
}

/** Refuses strides and paddings that are no whole numbers. */
function requireAttributes(
  operation: string,
  inputs: readonly Value[],
  { stride, padding }: DepthwiseAttributes,
): void {
  if (!Number.isInteger(stride) || stride < 1) throw shapeError(operation, inputs, `${stride} is no stride`);
  if (!padding.every((side) => Number.isInteger(side) && side >= 0)) {
    throw shapeError(operation, inputs, `${padding.join(", ")} is no padding`);
  }
}

/** Checks a weight [C, 1, kh, kw] against its channels; the kernel's size. */
function kernelOf(
  operation: string,
  inputs: readonly Value[],
  weight: Value,
  channels: number,
): readonly [number, number] {
  const [outputs, perGroup, ...kernel] = fourSizes(operation, inputs, weight);
  if (outputs !== channels || perGroup !== 1) {
    throw shapeError(operation, inputs, `the weight needs one kernel for each of ${channels} channels`);
  }
  return kernel;
}

const depthwiseConv2dOperation = defineOperation<DepthwiseAttributes>({
  name: "depthwiseConv2d",
  infer(inputs, attributes) {
    const [x, weight, bias] = inputs;
    if (x === undefined || weight === undefined || inputs.length > 3) {
      throw shapeError("depthwiseConv2d", inputs, "needs an image, a weight and perhaps a bias");
    }
    requireFloat("depthwiseConv2d", inputs);
    requireAttributes("depthwiseConv2d", inputs, attributes);
    const [batch, channels, ...size] = fourSizes("depthwiseConv2d", inputs, x);
    const kernel = kernelOf("depthwiseConv2d", inputs, weight, channels);
    if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== channels)) {
      throw shapeError("depthwiseConv2d", inputs, `the bias needs ${channels} entries`);
    }
    const sizes = resultSizes(size, kernel, attributes);
    if (sizes.some((length) => length < 1)) {
      throw shapeError("depthwiseConv2d", inputs, "the kernel is larger than the image");
    }
    return { shape: [batch, channels, ...sizes], dataType: "float32" };
  },
  lower: depthwiseNode,
  gradient({ inputs: [x, weight, bias], gradient, attributes, needed }) {
    if (x === undefined || weight === undefined) return [];
    const [, , height, width] = shape4(x, "depthwiseConv2d");
    const [, , ...kernel] = shape4(weight, "depthwiseConv2d");
    const { stride, padding } = attributes;
    return [
      needed[0]
        ? apply(inputGradientOperation, [gradient, weight], { stride, padding, inputSize: [height, width] })
        : undefined,
      needed[1] ? apply(weightGradientOperation, [x, gradient], { stride, padding, kernel }) : undefined,
      needed[2] && bias !== undefined ? channelSum(gradient) : undefined,
    ];
  },
});

const inputGradientOperation: Operation<DepthwiseInputGradientAttributes> =
  defineOperation<DepthwiseInputGradientAttributes>({
    name: "depthwiseConv2dInputGradient",
    infer(inputs, attributes) {
      const [gradient, weight] = bothInputs("depthwiseConv2dInputGradient", inputs);
      requireFloat("depthwiseConv2dInputGradient", inputs);
      requireAttributes("depthwiseConv2dInputGradient", inputs, attributes);
      const [batch, channels, ...size] = fourSizes("depthwiseConv2dInputGradient", inputs, gradient);
      const kernel = kernelOf("depthwiseConv2dInputGradient", inputs, weight, channels);
      const [height, width] = resultSizes(attributes.inputSize, kernel, attributes);
      if (height !== size[0] || width !== size[1]) {
        const why = `an image of ${attributes.inputSize.join("×")} has a result of ${height}×${width}`;
        throw shapeError("depthwiseConv2dInputGradient", inputs, why);
      }
      return { shape: [batch, channels, ...attributes.inputSize], dataType: "float32" };
    },
    lower: (context, names, node) =>
      blockedInputGradient(context, names, node) ??
      lowerComposition(context, names, node.inputs, (gradient, weight) =>
        turnedConvolution(gradient, weight, node.attributes),
      ),
    gradient({ inputs, gradient, attributes: { stride, padding }, needed }) {
      const [forResult, weight] = bothInputs("depthwiseConv2dInputGradient", inputs);
      const [, , ...kernel] = shape4(weight, "depthwiseConv2dInputGradient");
      return [
        needed[0] ? depthwiseConv2d(gradient, weight, { stride, padding }) : undefined,
        needed[1]
          ? apply(weightGradientOperation, [gradient, forResult], { stride, padding, kernel })
          : undefined,
      ];
    },
  });

const weightGradientOperation: Operation<DepthwiseWeightGradientAttributes> =
  defineOperation<DepthwiseWeightGradientAttributes>({
    name: "depthwiseConv2dWeightGradient",
    infer(inputs, attributes) {
      const [x, gradient] = bothInputs("depthwiseConv2dWeightGradient", inputs);
      requireFloat("depthwiseConv2dWeightGradient", inputs);
      requireAttributes("depthwiseConv2dWeightGradient", inputs, attributes);
      const [batch, channels, ...size] = fourSizes("depthwiseConv2dWeightGradient", inputs, x);
      const [resultBatch, resultChannels, ...resultSize] = fourSizes(
        "depthwiseConv2dWeightGradient",
        inputs,
        gradient,
      );
      const [height, width] = resultSizes(size, attributes.kernel, attributes);
      const fits = height === resultSize[0] && width === resultSize[1];
      if (batch !== resultBatch || channels !== resultChannels || !fits) {
        const why = `a kernel of ${attributes.kernel.join("×")} does not join them`;
        throw shapeError("depthwiseConv2dWeightGradient", inputs, why);
      }
      return { shape: [channels, 1, ...attributes.kernel], dataType: "float32" };
    },
    lower: (context, names, node) =>
      convolvedWeightGradient(context, names, node) ??
      lowerComposition(context, names, node.inputs, (x, gradient) =>
        weightGradientProducts(x, gradient, node.attributes),
      ),
    gradient({ inputs, gradient, attributes: { stride, padding }, needed }) {
      const [x, forResult] = bothInputs("depthwiseConv2dWeightGradient", inputs);
      const [, , height, width] = shape4(x, "depthwiseConv2dWeightGradient");
      const inputSize = [height, width] as const;
      return [
        needed[0]
          ? apply(inputGradientOperation, [forResult, gradient], { stride, padding, inputSize })
          : undefined,
        needed[1] ? depthwiseConv2d(x, gradient, { stride, padding }) : undefined,
      ];
    },
  });

/** The image's gradient in operations that every device has. */
function turnedConvolution(
  gradient: Value,
  weight: Value,
  { stride, padding: [top, left], inputSize: [height, width] }: DepthwiseInputGradientAttributes,
): Value {
  const [, , kernelHeight, kernelWidth] = shape4(weight, "depthwiseConv2dInputGradient");
  const spread = stride === 1 ? gradient : dilate(dilate(gradient, 2, stride), 3, stride);
  const [, , rows, columns] = shape4(spread, "depthwiseConv2dInputGradient");
  const full = pad(spread, [
    { axis: 2, before: kernelHeight - 1, after: Math.max(0, height + top - rows) },
    { axis: 3, before: kernelWidth - 1, after: Math.max(0, width + left - columns) },
  ]);
  const window = slice(full, [
    { axis: 2, start: top, end: top + height + kernelHeight - 1 },
    { axis: 3, start: left, end: left + width + kernelWidth - 1 },
  ]);
  return depthwiseConv2d(window, turnedKernels(weight));
}

/** The weight's gradient in operations that every device has: one sum of products for each kernel position. */
function weightGradientProducts(
  x: Value,
  gradient: Value,
  { stride, padding: [top, left, bottom, right], kernel }: DepthwiseWeightGradientAttributes,
): Value {
  const [batch, channels, height, width] = shape4(gradient, "depthwiseConv2dWeightGradient");
  const [kernelHeight, kernelWidth] = kernel;
  const padded = pad(x, [
    { axis: 2, before: top, after: bottom },
    { axis: 3, before: left, after: right },
  ]);
  const sums = Array.from({ length: kernelHeight * kernelWidth }, (_, position) => {
    const [row, column] = [Math.floor(position / kernelWidth), position % kernelWidth];
    const met = slice(padded, [
      { axis: 2, start: row, end: row + (height - 1) * stride + 1, step: stride },
      { axis: 3, start: column, end: column + (width - 1) * stride + 1, step: stride },
    ]);
    const products = reshape(multiply(met, gradient), [batch, channels, height * width]);
    return reshape(sum(sum(products, [2]), [0]), [channels, 1]);
  });
  return reshape(concat(sums, 1), [channels, 1, kernelHeight, kernelWidth]);
}

/**
 * Convolution of each channel of [N, C, H, W] by its own kernel of [C, 1, kh, kw], with an optional bias [C].
 * @throws EpSamError `shape` when channels or sizes do not fit, or stride or padding are no whole numbers.
 */
export function depthwiseConv2d(
  x: Value,
  weight: Value,
  { bias, ...options }: DepthwiseOptions & { readonly bias?: Value | undefined } = {},
): Value {
  const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
  return apply(depthwiseConv2dOperation, inputs, attributesOf(options));
}

/**
 * The gradient of {@link depthwiseConv2d} with respect to an image of the given size, [N, C, H, W].
 * @param gradient with respect to the result, [N, C, H', W']
 * @throws EpSamError `shape` when an image of that size has no such result.
 */
export const depthwiseConv2dInputGradient = (
  gradient: Value,
  weight: Value,
  { inputSize, ...options }: DepthwiseOptions & Pick<DepthwiseInputGradientAttributes, "inputSize">,
): Value => apply(inputGradientOperation, [gradient, weight], { ...attributesOf(options), inputSize });

/**
 * The gradient of {@link depthwiseConv2d} with respect to its weight, [C, 1, kh, kw].
 * @param x the convolved images, [N, C, H, W]
 * @param gradient with respect to the result, [N, C, H', W']
 * @throws EpSamError `shape` when no such kernel leads from one to the other.
 */
export const depthwiseConv2dWeightGradient = (
  x: Value,
  gradient: Value,
  { kernel, ...options }: DepthwiseOptions & Pick<DepthwiseWeightGradientAttributes, "kernel">,
): Value => apply(weightGradientOperation, [x, gradient], { ...attributesOf(options), kernel });

export const depthwiseOperations = {
  depthwiseConv2d: depthwiseConv2dOperation,
  depthwiseConv2dInputGradient: inputGradientOperation,
  depthwiseConv2dWeightGradient: weightGradientOperation,
};
