import type { LoweringContext } from "../lowering.js";
import { apply, defineOperation, onlyInput, requireFloat, threeInputs } from "../operation.js";
import { floats, shape4, type Value } from "../value.js";
import {
  addChannelAffine,
  channelAffine,
  channelAffineNode,
  channelConvolution,
  channelDot,
  channelScale,
  channelSum,
  requireChannelVectors,
  rowDots,
} from "./channels.js";
import { add, divide, multiply, scale, sqrt, subtract } from "./elementwise.js";
import { reshape } from "./shapes.js";
import { slice } from "./slicing.js";

/** Mean and variance [C] of the channels of `x`; nodes that all operations on the same `x` share. */
function moments(
  context: LoweringContext,
  x: string,
  value: Value,
): readonly [mean: string, variance: string] {
  const [batch, channels, height, width] = shape4(value, "channel moments");
  // Over the pixels first, then over the images: contiguous rows reduce several times faster.
  const overImages = (perImage: string, factor: number) => {
    const total = context.node("ReduceSum", [perImage, context.integers([0])], { keepdims: 0 });
    return context.node("Mul", [total, context.scalar(factor)]);
  };
  const rows = () => context.reshape(x, [batch, channels, height * width]);
  const mean = context.once(`mean of channels ${x}`, () => {
    const means = context.node("ReduceMean", [rows(), context.integers([2])], { keepdims: 0 });
    return overImages(means, 1 / batch);
  });
  const variance = context.once(`variance of channels ${x}`, () => {
    // E[x²] − E[x]², since centring x first would be two more passes over memory. It loses digits where the mean is
    // many times the deviation, and rounding may then take it below zero.
    const squares = rowDots(context, x, x, [batch, channels, height * width]);
    const second = overImages(squares, 1 / (batch * height * width));
    return context.node("Relu", [context.node("Sub", [second, context.node("Mul", [mean, mean])])]);
  });
  return [mean, variance];
}

const channelMomentsOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelMoments",
  infer(inputs) {
    requireFloat("channelMoments", inputs);
    const [, channels] = shape4(onlyInput("channelMoments", inputs), "channelMoments");
    return { shape: [2, channels], dataType: "float32" };
  },
  lower(context, [x = ""], { inputs }) {
    const source = onlyInput("channelMoments", inputs);
    const [, channels] = shape4(source, "channelMoments");
    const rows = moments(context, x, source).map((row) => context.reshape(row, [1, channels]));
    return context.node("Concat", rows, { axis: 0 });
  },
  gradient({ inputs, output, gradient }) {
    const x = onlyInput("channelMoments", inputs);
    const [batch, channels, height, width] = shape4(x, "channelMoments");
    const count = batch * height * width;
    const row = (of: Value, index: number) =>
      reshape(slice(of, [{ axis: 0, start: index, end: index + 1 }]), [channels]);
    const slope = scale(row(gradient, 1), 2 / count);
    const shift = subtract(scale(row(gradient, 0), 1 / count), multiply(slope, row(output, 0)));
    return [channelAffine(x, slope, shift)];
  },
});

/**
 * Mean and (biased) variance of each channel of [N, C, H, W] over images and pixels, as [2, C]: the statistics of
 * batch normalisation, whose closed-form gradient follows from this operation's.
 */
export const channelMoments = (x: Value): Value => apply(channelMomentsOperation, [x], {});

/** Attributes of batch normalisation. */
export interface BatchNormAttributes {
  readonly epsilon: number;
}

const batchNormOperation = defineOperation<BatchNormAttributes>({
  name: "batchNorm",
  infer(inputs) {
    const [x] = threeInputs("batchNorm", inputs);
    requireChannelVectors("batchNorm", inputs, x);
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [x = "", weight = "", bias = ""], { attributes: { epsilon }, inputs }) {
    const [value] = threeInputs("batchNorm", inputs);
    const [, channels] = shape4(value, "batchNorm");
    const [mean, variance] = moments(context, x, value);
    const deviation = context.node("Sqrt", [context.node("Add", [variance, context.scalar(epsilon)])]);
    const factor = context.node("Div", [weight, deviation]);
    const shift = context.node("Sub", [bias, context.node("Mul", [mean, factor])]);
    if (context.target === "cpu") return channelConvolution(context, channels, { x, factor, shift });
    return channelAffineNode(context, channels, { x, factor, shift });
  },
  lowerSum(context, names, base, node) {
    // The runtime merges the convolution with the sum and a ReLU that follows.
    return context.node("Add", [context.ownBase(base), this.lower(context, names, node)]);
  },
  gradient({ inputs, gradient, attributes: { epsilon } }) {
    const [x, weight] = threeInputs("batchNorm", inputs);
    const [batch, channels, height, width] = shape4(x, "batchNorm");
    const count = batch * height * width;
    const row = (index: number) =>
      reshape(slice(channelMoments(x), [{ axis: 0, start: index, end: index + 1 }]), [channels]);
    const [mean, variance] = [row(0), row(1)];
    const inverse = divide(floats(1), sqrt(add(variance, floats(epsilon))));
    const forBias = channelSum(gradient);
    const forWeight = multiply(subtract(channelDot(gradient, x), multiply(mean, forBias)), inverse);
    // gradient − mean(gradient) − x̂ · mean(gradient · x̂), times weight / deviation. The factor stays a product of
    // its own, which the convolution before takes into its weights instead of passing over memory.
    const slope = scale(multiply(forWeight, inverse), -1 / count);
    const shift = subtract(scale(forBias, -1 / count), multiply(slope, mean));
    const centred = addChannelAffine(gradient, x, slope, shift);
    return [channelScale(centred, multiply(weight, inverse)), forWeight, forBias];
  },
});

/**
 * Batch normalisation of [N, C, H, W] by its own statistics with scale [C] and shift [C] (Ioffe and Szegedy, 2015,
 * section 3): (x − E[x]) / √(Var[x] + ε) · weight + bias over images and pixels.
 */
export const batchNorm = (x: Value, weight: Value, bias: Value, epsilon: number): Value =>
  apply(batchNormOperation, [x, weight, bias], { epsilon });

export const batchNormOperations = {
  channelMoments: channelMomentsOperation,
  batchNorm: batchNormOperation,
};
