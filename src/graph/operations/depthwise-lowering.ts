import { must } from "../../common/index.js";
import { lowerComposition } from "../composition.js";
import type { LoweringContext } from "../lowering.js";
import { BLOCKED_CHANNELS } from "../onnx/schema.js";
import { bothInputs, type LoweredNode } from "../operation.js";
import { shape4, type Value } from "../value.js";
import { reshape } from "./shapes.js";
import { reverse } from "./slicing.js";

// ONNX Runtime's own kernels for convolutions of single channels take images whose channels are blocked ([N, C/8, H, W, 8]
// or 16), where a vector register holds one pixel of a block. The runtime uses them where weights are stored in the graph; a
// training step's are not, so its graph names the blocked operations itself. Measurements in docs/decisions.md.

/** Zeros around an image. */
export type Sides = readonly [top: number, left: number, bottom: number, right: number];

/** Stride and padding of a convolution of single channels. */
export interface DepthwiseAttributes {
  readonly stride: number;
  readonly padding: Sides;
}

/** Every block size there is divides it. */
const LARGEST_BLOCK = 16;

const usesBlocks = ({ blockedChannels, floatType }: LoweringContext, channels: number): boolean =>
  blockedChannels && floatType === "float32" && channels % LARGEST_BLOCK === 0;

/** Rearranges once for all operations that read it. */
const toBlocks = (context: LoweringContext, x: string): string =>
  context.once(`blocked ${x}`, () => context.node("ReorderInput", [x], {}, BLOCKED_CHANNELS));

const fromBlocks = (context: LoweringContext, x: string, channels: number): string =>
  context.node("ReorderOutput", [x], { channels }, BLOCKED_CHANNELS);

/** Kernels [C, 1, kh, kw]: blocked, they are laid out as an image of C channels. */
function kernelsToBlocks(context: LoweringContext, weight: string, shape: Shape4): string {
  const [channels, , height, width] = shape;
  return context.reshape(toBlocks(context, context.reshape(weight, [1, channels, height, width])), shape);
}

type Shape4 = readonly [number, number, number, number];

export function depthwiseNode(
  context: LoweringContext,
  [x = "", weight = "", ...bias]: readonly string[],
  { attributes: { stride, padding }, inputs: [, kernels], output }: LoweredNode<DepthwiseAttributes>,
): string {
  if (kernels === undefined) return "";
  const shape = shape4(kernels, "depthwiseConv2d");
  const [channels, , height, width] = shape;
  const attributes = {
    group: channels,
    kernel_shape: [height, width],
    strides: [stride, stride],
    pads: padding,
  };
  // Weights that are stored in the graph are left to the runtime, which then blocks whole stretches of a network.
  if (!usesBlocks(context, channels) || context.stores(weight)) {
    return context.node("Conv", [x, weight, ...bias], attributes);
  }
  const operands = [toBlocks(context, x), kernelsToBlocks(context, weight, shape), ...bias];
  const convolution = context.addNode("Conv", operands, attributes, BLOCKED_CHANNELS);
  const result = fromBlocks(context, must(convolution.output, 0, "output of the convolution"), channels);
  context.takesActivation(output, convolution);
  return result;
}

/** What the gradient of an image is lowered from. */
export interface DepthwiseInputGradientAttributes extends DepthwiseAttributes {
  readonly inputSize: readonly [height: number, width: number];
}

/** The gradient of an image on blocked channels, or nothing where those do not serve. */
export function blockedInputGradient(
  context: LoweringContext,
  [gradient = "", weight = ""]: readonly string[],
  { attributes, inputs }: LoweredNode<DepthwiseInputGradientAttributes>,
): string | undefined {
  const [forResult, kernels] = bothInputs("depthwiseConv2dInputGradient", inputs);
  const shape = shape4(kernels, "depthwiseConv2dInputGradient");
  const { stride } = attributes;
  const [channels, , kernelHeight, kernelWidth] = shape;
  const result = shape4(forResult, "depthwiseConv2dInputGradient");
  const pads = turnedPadding(attributes, [kernelHeight, kernelWidth], [result[2], result[3]]);
  if (!usesBlocks(context, channels) || pads.some((side) => side < 0)) return undefined;
  const turned = lowerComposition(context, [weight], [kernels], turnedKernels);
  const spread = stride === 1 ? toBlocks(context, gradient) : spreadBlocks(context, gradient, result, stride);
  const convolved = context.node(
    "Conv",
    [spread, kernelsToBlocks(context, turned, shape)],
    { group: channels, kernel_shape: [kernelHeight, kernelWidth], strides: [1, 1], pads },
    BLOCKED_CHANNELS,
  );
  return fromBlocks(context, convolved, channels);
}

/**
 * The padding of the convolution by turned kernels that takes the result's gradient, its pixels `stride` apart with
 * `stride` − 1 zeros after each, back to the image.
 */
function turnedPadding(
  { stride, padding: [top, left], inputSize }: DepthwiseInputGradientAttributes,
  [kernelHeight, kernelWidth]: readonly [number, number],
  [height, width]: readonly [number, number],
): Sides {
  return [
    kernelHeight - 1 - top,
    kernelWidth - 1 - left,
    inputSize[0] - height * stride + top,
    inputSize[1] - width * stride + left,
  ];
}

/** Puts zeros between a blocked image's pixels: repeats each and keeps one of every `stride`. */
function spreadBlocks(
  context: LoweringContext,
  gradient: string,
  [batch, channels, height, width]: Shape4,
  stride: number,
): string {
  const scales = [1, 1, stride, stride];
  const repeated = context.node("Upsample", [toBlocks(context, gradient)], { scales }, BLOCKED_CHANNELS);
  const [rows, columns] = [height * stride, width * stride];
  // Both sizes of blocks divide 16 channels, so a mask of 16 channels, blocked as the image is, fits either.
  const kept = new Float32Array(LARGEST_BLOCK * rows * columns);
  for (let position = 0; position < kept.length; position++) {
    const [row, column] = [Math.floor(position / columns) % rows, position % columns];
    if (row % stride === 0 && column % stride === 0) kept[position] = 1;
  }
  const mask = context.sharedConstant(`every ${stride} of ${rows}×${columns}`, {
    dataType: "float32",
    shape: [1, LARGEST_BLOCK, rows, columns],
    data: kept,
  });
  const length = LARGEST_BLOCK * rows * columns;
  const groups = context.reshape(repeated, [(batch * channels) / LARGEST_BLOCK, length]);
  const masked = context.node("Mul", [groups, context.reshape(toBlocks(context, mask), [1, length])]);
  return context.reshape(masked, [batch, channels, rows, columns]);
}

/** What the gradient of a weight is lowered from. */
export interface DepthwiseWeightGradientAttributes extends DepthwiseAttributes {
  readonly kernel: readonly [height: number, width: number];
}

/** The gradient of a weight as one convolution, or nothing where that does not serve. */
export function convolvedWeightGradient(
  context: LoweringContext,
  [x = "", gradient = ""]: readonly string[],
  { attributes, inputs, output }: LoweredNode<DepthwiseWeightGradientAttributes>,
): string | undefined {
  const [image, forResult] = bothInputs("depthwiseConv2dWeightGradient", inputs);
  const [batch, channels, height, width] = shape4(image, "depthwiseConv2dWeightGradient");
  const [, , resultHeight, resultWidth] = shape4(forResult, "depthwiseConv2dWeightGradient");
  const pads = exactPadding(attributes, [height, width], [resultHeight, resultWidth]);
  if (context.target !== "cpu" || pads.some((side) => side < 0)) return undefined;
  // Each image's channel is convolved by the gradient of its result: the kernel's positions are where the two meet.
  const blocked = usesBlocks(context, channels);
  const planes = batch * channels;
  const [images, kernels] = blocked ? [toBlocks(context, x), toBlocks(context, gradient)] : [x, gradient];
  const [kernelHeight, kernelWidth] = attributes.kernel;
  const met = context.node(
    "Conv",
    [
      context.reshape(images, [1, planes, height, width]),
      context.reshape(kernels, [planes, 1, resultHeight, resultWidth]),
    ],
    {
      group: planes,
      kernel_shape: [resultHeight, resultWidth],
      dilations: [attributes.stride, attributes.stride],
      pads,
    },
    blocked ? BLOCKED_CHANNELS : "",
  );
  const perImage = blocked ? fromBlocks(context, met, planes) : met;
  const rows = context.reshape(perImage, [batch, channels * kernelHeight * kernelWidth]);
  const total = context.node("ReduceSum", [rows, context.integers([0])], { keepdims: 0 });
  return context.reshape(total, output.shape);
}

/** The padding with which the last kernel position meets the last pixel: what a stride leaves over is cut off. */
function exactPadding(
  { stride, padding: [top, left], kernel }: DepthwiseWeightGradientAttributes,
  [height, width]: readonly [number, number],
  [resultHeight, resultWidth]: readonly [number, number],
): Sides {
  const after = (length: number, result: number, size: number, before: number) =>
    (result - 1) * stride + size - length - before;
  return [top, left, after(height, resultHeight, kernel[0], top), after(width, resultWidth, kernel[1], left)];
}

/** Kernels [C, 1, kh, kw] turned by half a turn. */
export function turnedKernels(weight: Value): Value {
  const [channels, , height, width] = shape4(weight, "depthwiseConv2dInputGradient");
  return reshape(reverse(reshape(weight, [channels, height * width]), [1]), weight.shape);
}
