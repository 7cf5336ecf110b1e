import { must } from "../../common/index.js";
import { lowerComposition } from "../composition.js";
import type { LoweringContext } from "../lowering.js";
import {
  apply,
  bothInputs,
  defineOperation,
  fourSizes,
  type LoweredNode,
  requireFloat,
  shapeError,
} from "../operation.js";
import { shape4, type Value } from "../value.js";
import { channelSum, scaledChannels } from "./channels.js";
import { vectorChannels } from "./convolution-channels.js";
import {
  type ConvolutionAttributes,
  flippedWeights,
  scaleOutputs,
  type WeightGradientAttributes,
  weightGradientProducts,
  weightOperations,
} from "./convolution-weights.js";
import { multiply } from "./elementwise.js";
import { winogradConvolution, winogradInputGradient, winogradWeightGradient } from "./winograd.js";
import { suitsWinograd, usesWinograd } from "./winograd-choice.js";

const conv2dOperation = defineOperation<ConvolutionAttributes>({
  name: "conv2d",
  infer(inputs, { stride, padding }) {
    const [x, weight] = convolutionOperands("conv2d", inputs);
    const [batch, channels, height, width] = fourSizes("conv2d", inputs, x);
    const [outputs, weightChannels, kernelHeight, kernelWidth] = fourSizes("conv2d", inputs, weight);
    if (channels !== weightChannels) {
      throw shapeError("conv2d", inputs, `the weight expects ${weightChannels} channels, not ${channels}`);
    }
    const size = (length: number, kernel: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
    const shape = [batch, outputs, size(height, kernelHeight), size(width, kernelWidth)];
    if (shape.some((length) => length < 1))
      throw shapeError("conv2d", inputs, "the kernel is larger than the image");
    return { shape, dataType: "float32" };
  },
  lower(context, inputs, node) {
    const convolved = byWinograd(context, inputs, node);
    if (convolved !== undefined) return convolved;
    return context.node("Conv", vectorChannels(context, inputs, node.inputs), convAttributes(node));
  },
  lowerSum(context, inputs, base, node) {
    const result = byWinograd(context, inputs, node);
    if (result !== undefined) return context.node("Add", [base.name, result]);
    // Weights that are stored in the graph are left to the runtime, which rearranges them.
    if (node.inputs[1]?.source.kind !== "operation" || context.stores(must(inputs, 1, "weight"))) {
      return context.node("Add", [base.name, this.lower(context, inputs, node)]);
    }
    const [x = "", weight = "", bias = ""] = inputs;
    const operands = [x, weight, bias, context.ownBase(base)];
    return context.node("FusedConv", operands, convAttributes(node), "com.microsoft");
  },
  gradient({ inputs, gradient, attributes, needed }) {
    const [x, weight, bias] = convolutionOperands("conv2d", inputs);
    const scaled = scaledChannels(gradient);
    if (scaled !== undefined) {
      // A factor of each channel, as batch normalisation gives it, costs less on weights than on images.
      const { x: unscaled, factor } = scaled;
      return [
        needed[0] ? inputGradient(x, scaleOutputs(weight, factor), unscaled, attributes) : undefined,
        needed[1] ? scaleOutputs(weightGradient(x, weight, unscaled, attributes), factor) : undefined,
        needed[2] && bias !== undefined ? multiply(channelSum(unscaled), factor) : undefined,
      ];
    }
    return [
      needed[0] ? inputGradient(x, weight, gradient, attributes) : undefined,
      needed[1] ? weightGradient(x, weight, gradient, attributes) : undefined,
      needed[2] && bias !== undefined ? channelSum(gradient) : undefined,
    ];
  },
});

/** Nodes of Winograd's algorithm where they pay; weights stored in the graph are left to the runtime's own layouts. */
function byWinograd(
  context: LoweringContext,
  names: readonly string[],
  { attributes, inputs, output }: LoweredNode<ConvolutionAttributes>,
): string | undefined {
  const [x, weight, bias] = convolutionOperands("conv2d", inputs);
  const [, , ...kernel] = shape4(weight, "conv2d");
  if (bias !== undefined || context.stores(must(names, 1, "weight"))) return undefined;
  if (!usesWinograd(context, x, output, { ...attributes, kernel })) return undefined;
  return lowerComposition(context, names, inputs, (image, weights) =>
    winogradConvolution(image, weights, attributes.padding),
  );
}

function convAttributes({ attributes: { stride, padding }, inputs }: LoweredNode<ConvolutionAttributes>) {
  const [, weight] = convolutionOperands("conv2d", inputs);
  const [, , kernelHeight, kernelWidth] = shape4(weight, "conv2d");
  return {
    kernel_shape: [kernelHeight, kernelWidth],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}

function convolutionOperands(
  operation: string,
  inputs: readonly Value[],
): readonly [Value, Value, Value | undefined] {
  const [x, weight, bias] = inputs;
  if (x === undefined || weight === undefined || inputs.length > 3) {
    throw shapeError(operation, inputs, "needs an image, a weight and perhaps a bias");
  }
  requireFloat(operation, inputs);
  const outputs = weight.shape[operation === "conv2d" ? 0 : 1];
  if (bias !== undefined && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) {
    throw shapeError(operation, inputs, `the bias needs ${outputs} entries`);
  }
  return [x, weight, bias];
}

/** The gradient of a convolution with respect to its input. */
function inputGradient(x: Value, weight: Value, gradient: Value, attributes: ConvolutionAttributes): Value {
  const [, , height, width] = shape4(x, "conv2d");
  const [, , ...kernel] = shape4(weight, "conv2d");
  if (canTurn(kernel, attributes) && !suitsWinograd(x, gradient, { ...attributes, kernel })) {
    return turnedConvolution(gradient, weight, attributes.padding);
  }
  return convTranspose2d(gradient, weight, { ...attributes, outputSize: [height, width] });
}

type KernelSize = readonly [height: number, width: number];

const canTurn = ([kernelHeight, kernelWidth]: KernelSize, { stride, padding }: ConvolutionAttributes) =>
  stride === 1 && kernelHeight === kernelWidth && padding <= kernelHeight - 1;

/** A transposed convolution of stride 1 by the turned weights, faster than ConvTranspose. */
function turnedConvolution(x: Value, weight: Value, padding: number): Value {
  const [, , kernelHeight] = shape4(weight, "conv2d");
  return conv2d(x, flippedWeights(weight), { padding: kernelHeight - 1 - padding });
}

const conv2dWeightGradientOperation = defineOperation<WeightGradientAttributes>({
  name: "conv2dWeightGradient",
  infer(inputs, { stride, padding, kernel }) {
    const [x, gradient] = bothInputs("conv2dWeightGradient", inputs);
    requireFloat("conv2dWeightGradient", inputs);
    const [batch, channels, ...size] = fourSizes("conv2dWeightGradient", inputs, x);
    const [resultBatch, outputs, ...resultSize] = fourSizes("conv2dWeightGradient", inputs, gradient);
    const fits = resultSize.every(
      (length, axis) =>
        length === Math.floor((must(size, axis) + 2 * padding - must(kernel, axis)) / stride) + 1,
    );
    if (batch !== resultBatch || !fits) {
      throw shapeError("conv2dWeightGradient", inputs, `a kernel of ${kernel.join("×")} does not join them`);
    }
    return { shape: [outputs, channels, ...kernel], dataType: "float32" };
  },
  lower(context, names, { attributes, inputs }) {
    const [x, gradient] = bothInputs("conv2dWeightGradient", inputs);
    const winograd = usesWinograd(context, x, gradient, attributes, "weightGradient");
    return lowerComposition(context, names, inputs, (image, forResult) =>
      winograd
        ? winogradWeightGradient(image, forResult, attributes.padding)
        : weightGradientProducts(image, forResult, attributes),
    );
  },
  gradient({ inputs, gradient, attributes, needed }) {
    const [x, forResult] = bothInputs("conv2dWeightGradient", inputs);
    return [
      needed[0] ? inputGradient(x, gradient, forResult, attributes) : undefined,
      needed[1] ? conv2d(x, gradient, attributes) : undefined,
    ];
  },
});

/** The gradient of a convolution with respect to its weight, [O, C, kh, kw]. */
function weightGradient(
  x: Value,
  weight: Value,
  gradient: Value,
  { stride, padding }: ConvolutionAttributes,
): Value {
  const [, , ...kernel] = shape4(weight, "conv2d");
  return conv2dWeightGradient(x, gradient, { stride, padding, kernel });
}

/**
 * The gradient of {@link conv2d} with respect to its weight, [O, C, kh, kw].
 *
 * @param x the convolved images, [N, C, H, W]
 * @param gradient with respect to the result, [N, O, H', W']
 * @throws EpSamError `shape` when no such kernel leads from one to the other.
 */
export const conv2dWeightGradient = (
  x: Value,
  gradient: Value,
  attributes: WeightGradientAttributes,
): Value => apply(conv2dWeightGradientOperation, [x, gradient], attributes);

/**
 * Convolution of [N, C, H, W] with [O, C, kh, kw], with an optional bias [O].
 * @throws EpSamError `shape` when channels or sizes do not fit.
 */
export function conv2d(
  x: Value,
  weight: Value,
  options: { stride?: number; padding?: number; bias?: Value | undefined } = {},
): Value {
  const inputs = options.bias === undefined ? [x, weight] : [x, weight, options.bias];
  return apply(conv2dOperation, inputs, { stride: options.stride ?? 1, padding: options.padding ?? 0 });
}

/** Attributes of the transposed convolution; the output size settles what a strided division leaves open. */
export interface ConvolutionTransposeAttributes extends ConvolutionAttributes {
  readonly outputSize: readonly [number, number];
}

const convTranspose2dOperation = defineOperation<ConvolutionTransposeAttributes>({
  name: "convTranspose2d",
  infer(inputs, { stride, padding, outputSize }) {
    const [x, weight] = convolutionOperands("convTranspose2d", inputs);
    const [batch, channels, ...size] = fourSizes("convTranspose2d", inputs, x);
    const [weightChannels, outputs, ...kernel] = fourSizes("convTranspose2d", inputs, weight);
    if (channels !== weightChannels) {
      throw shapeError("convTranspose2d", inputs, `the weight expects ${weightChannels} channels`);
    }
    outputSize.forEach((length, axis) => {
      const smallest = (must(size, axis) - 1) * stride - 2 * padding + must(kernel, axis);
      if (length < smallest || length >= smallest + stride) {
        throw shapeError("convTranspose2d", inputs, `output size ${outputSize.join("×")} is out of reach`);
      }
    });
    return { shape: [batch, outputs, ...outputSize], dataType: "float32" };
  },
  lower(context, inputs, { attributes, inputs: values, output }) {
    const { stride, padding, outputSize } = attributes;
    const [x, weight, bias] = convolutionOperands("convTranspose2d", values);
    const [, , ...size] = shape4(x, "convTranspose2d");
    const [, , ...kernel] = shape4(weight, "convTranspose2d");
    if (bias === undefined && canTurn(kernel, attributes)) {
      const winograd = usesWinograd(context, output, x, { ...attributes, kernel });
      return lowerComposition(context, inputs, values, (image, weights) =>
        winograd
          ? winogradInputGradient(image, weights, padding, outputSize)
          : turnedConvolution(image, weights, padding),
      );
    }
    const extra = outputSize.map(
      (length, axis) => length - ((must(size, axis) - 1) * stride - 2 * padding + must(kernel, axis)),
    );
    return context.node("ConvTranspose", inputs, {
      kernel_shape: kernel,
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
      output_padding: extra,
    });
  },
  gradient({ inputs, gradient, attributes: { stride, padding }, needed }) {
    const [x, weight, bias] = convolutionOperands("convTranspose2d", inputs);
    return [
      needed[0] ? conv2d(gradient, weight, { stride, padding }) : undefined,
      needed[1] ? weightGradient(gradient, weight, x, { stride, padding }) : undefined,
      needed[2] && bias !== undefined ? channelSum(gradient) : undefined,
    ];
  },
});

/** Transposed convolution of [N, C, H, W] with [C, O, kh, kw], with an optional bias [O]. */
export function convTranspose2d(
  x: Value,
  weight: Value,
  options: {
    stride?: number;
    padding?: number;
    outputSize?: readonly [number, number];
    bias?: Value | undefined;
  } = {},
): Value {
  const { stride = 1, padding = 0 } = options;
  const inputs = options.bias === undefined ? [x, weight] : [x, weight, options.bias];
  const [, , height, width] = fourSizes("convTranspose2d", inputs, x);
  const [, , kernelHeight, kernelWidth] = fourSizes("convTranspose2d", inputs, weight);
  const outputSize = options.outputSize ?? [
    (height - 1) * stride - 2 * padding + kernelHeight,
    (width - 1) * stride - 2 * padding + kernelWidth,
  ];
  return apply(convTranspose2dOperation, inputs, { stride, padding, outputSize });
}

export const convolutionOperations = {
  conv2d: conv2dOperation,
  convTranspose2d: convTranspose2dOperation,
  conv2dWeightGradient: conv2dWeightGradientOperation,
  ...weightOperations,
};
