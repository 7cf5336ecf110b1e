import type { LoweringContext } from "../lowering.js";
import {
  apply,
  bothInputs,
  defineOperation,
  fourSizes,
  onlyInput,
  requireFloat,
  shapeError,
  threeInputs,
} from "../operation.js";
import { formatShape, sameShape, shape4, type Value } from "../value.js";
import { reshape, sum } from "./shapes.js";

/** The inner products [N, C] of the rows of two results [N, C, P]. */
export function rowDots(
  context: LoweringContext,
  a: string,
  b: string,
  [batch, channels, pixels]: RowSizes,
): string {
  if (context.target === "cpu") {
    // A product of a row and a column reads each operand once and writes nothing: a third of the time.
    const asMatrices = (of: string) => context.reshape(of, [batch, channels, 1, pixels]);
    const operands = a === b ? [asMatrices(a)] : [asMatrices(a), asMatrices(b)];
    const [left = "", right = left] = operands;
    const products = context.node("FusedMatMul", [left, right], { transB: 1 }, "com.microsoft");
    return context.reshape(products, [batch, channels]);
  }
  const rows = (of: string) => context.reshape(of, [batch, channels, pixels]);
  const products = context.node("Mul", [rows(a), rows(b)]);
  return context.node("ReduceSum", [products, context.integers([2])], { keepdims: 0 });
}

type RowSizes = readonly [batch: number, channels: number, pixels: number];

/** Checks that all operands are float32 and that those after `images`, [N, C, H, W], are vectors [C]. */
export function requireChannelVectors(
  operation: string,
  inputs: readonly Value[],
  ...images: readonly Value[]
): void {
  requireFloat(operation, inputs);
  const [first = onlyInput(operation, inputs)] = images;
  const [, channels] = fourSizes(operation, inputs, first);
  const strange = inputs.slice(images.length).find(({ shape }) => !sameShape(shape, [channels]));
  if (strange === undefined) return;
  throw shapeError(
    operation,
    inputs,
    `${formatShape(strange.shape)} needs one entry for each of ${channels} channels`,
  );
}

/** One pass over memory instead of the two of a product and a sum; the runtime takes it into constant weights. */
export function channelAffineNode(
  context: LoweringContext,
  channels: number,
  { x, factor, shift }: { x: string; factor: string; shift: string },
): string {
  const zeros = context.filledVector(channels, 0);
  const ones = context.filledVector(channels, 1);
  return context.node("BatchNormalization", [x, factor, shift, zeros, ones], { epsilon: { float: 0 } });
}

const channelAffineOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelAffine",
  infer(inputs) {
    const [x] = threeInputs("channelAffine", inputs);
    requireChannelVectors("channelAffine", inputs, x);
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [x = "", factor = "", shift = ""], { output }) {
    const [, channels] = shape4(output, "channelAffine");
    return channelAffineNode(context, channels, { x, factor, shift });
  },
  gradient({ inputs: [x, factor], gradient, needed }) {
    if (x === undefined || factor === undefined) return [];
    return [
      needed[0] ? channelScale(gradient, factor) : undefined,
      needed[1] ? channelDot(gradient, x) : undefined,
      needed[2] ? channelSum(gradient) : undefined,
    ];
  },
});

/** x · factor + shift with one factor and one shift for each channel of [N, C, H, W]. */
export const channelAffine = (x: Value, factor: Value, shift: Value): Value =>
  apply(channelAffineOperation, [x, factor, shift], {});

/** Sum of each channel of [N, C, H, W] over images and pixels, as [C]. */
export function channelSum(x: Value): Value {
  const [batch, channels, height, width] = shape4(x, "channelSum");
  return sum(sum(reshape(x, [batch, channels, height * width]), [2]), [0]);
}

const channelScaleOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelScale",
  infer(inputs) {
    const [x] = bothInputs("channelScale", inputs);
    requireChannelVectors("channelScale", inputs, x);
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [x = "", factor = ""], { output }) {
    const [, channels] = shape4(output, "channelScale");
    // Broadcasting uses more threads than an affine map without a shift.
    return context.node("Mul", [x, context.reshape(factor, [channels, 1, 1])]);
  },
  gradient({ inputs, gradient, needed }) {
    const [x, factor] = bothInputs("channelScale", inputs);
    return [
      needed[0] ? channelScale(gradient, factor) : undefined,
      needed[1] ? channelDot(gradient, x) : undefined,
    ];
  },
});

/** x · factor with one factor for each channel of [N, C, H, W]. */
export const channelScale = (x: Value, factor: Value): Value => apply(channelScaleOperation, [x, factor], {});

/** The product that a channel-wise scaling is, or nothing for other values. */
export function scaledChannels({ source }: Value): { x: Value; factor: Value } | undefined {
  if (source.kind !== "operation" || source.operation.name !== channelScaleOperation.name) return undefined;
  const [x, factor] = bothInputs("channelScale", source.inputs);
  return { x, factor };
}

const addChannelAffineOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "addChannelAffine",
  infer(inputs) {
    const [base, x] = inputs;
    if (base === undefined || x === undefined || inputs.length !== 4 || !sameShape(base.shape, x.shape)) {
      throw shapeError(
        "addChannelAffine",
        inputs,
        "needs two of shape [N, C, H, W], factor [C] and shift [C]",
      );
    }
    requireChannelVectors("addChannelAffine", inputs, base, x);
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [base = "", x = "", factor = "", shift = ""], { inputs, output }) {
    const [, channels] = shape4(output, "addChannelAffine");
    if (context.target === "cpu") {
      const [added] = inputs;
      const isReadLater = added !== undefined && context.isReadLater(added, output);
      const own = context.ownBase({ name: base, isReadLater });
      return channelConvolution(context, channels, { x, factor, shift, base: own });
    }
    const scaled = context.node("Mul", [x, context.reshape(factor, [channels, 1, 1])]);
    return context.node("Add", [
      context.node("Add", [base, scaled]),
      context.reshape(shift, [channels, 1, 1]),
    ]);
  },
  gradient({ inputs: [, x, factor], gradient, needed }) {
    if (x === undefined || factor === undefined) return [];
    return [
      gradient,
      needed[1] ? channelScale(gradient, factor) : undefined,
      needed[2] ? channelDot(gradient, x) : undefined,
      needed[3] ? channelSum(gradient) : undefined,
    ];
  },
});

/** base + x · factor + shift with one factor and one shift for each channel of [N, C, H, W]. */
export const addChannelAffine = (base: Value, x: Value, factor: Value, shift: Value): Value =>
  apply(addChannelAffineOperation, [base, x, factor, shift], {});

/**
 * An affine map of each channel as a convolution of one channel at a time: the one operation of the CPU provider
 * that also adds another tensor, or takes the ReLU, in the same pass over memory.
 */
export function channelConvolution(
  context: LoweringContext,
  channels: number,
  of: { x: string; factor: string; shift: string; base?: string },
): string {
  const weight = context.reshape(of.factor, [channels, 1, 1, 1]);
  const attributes = { kernel_shape: [1, 1], group: channels };
  // Without a sum it stays a plain convolution: the runtime merges it with an addition and a ReLU that follow.
  if (of.base === undefined) return context.node("Conv", [of.x, weight, of.shift], attributes);
  return context.node("FusedConv", [of.x, weight, of.shift, of.base], attributes, "com.microsoft");
}

const channelDotOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelDot",
  infer(inputs) {
    requireFloat("channelDot", inputs);
    const [a, b] = bothInputs("channelDot", inputs);
    const [, channels] = fourSizes("channelDot", inputs, a);
    if (!sameShape(a.shape, b.shape)) throw shapeError("channelDot", inputs, "the shapes must be equal");
    return { shape: [channels], dataType: "float32" };
  },
  lower(context, [a = "", b = ""], { inputs }) {
    const [batch, channels, height, width] = shape4(bothInputs("channelDot", inputs)[0], "channelDot");
    const perImage = rowDots(context, a, b, [batch, channels, height * width]);
    return context.node("ReduceSum", [perImage, context.integers([0])], { keepdims: 0 });
  },
  gradient({ inputs, gradient, needed }) {
    const [a, b] = bothInputs("channelDot", inputs);
    return [
      needed[0] ? channelScale(b, gradient) : undefined,
      needed[1] ? channelScale(a, gradient) : undefined,
    ];
  },
});

/** Sum of a · b for each channel of [N, C, H, W] over images and pixels, as [C]. */
export const channelDot = (a: Value, b: Value): Value => apply(channelDotOperation, [a, b], {});

export const channelOperations = {
  channelAffine: channelAffineOperation,
  channelScale: channelScaleOperation,
  addChannelAffine: addChannelAffineOperation,
  channelDot: channelDotOperation,
};
