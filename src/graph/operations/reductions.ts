import type { LoweringContext } from "../lowering.js";
import {
  apply,
  bothInputs,
  defineOperation,
  fourSizes,
  onlyInput,
  requireFloat,
  shapeError,
} from "../operation.js";
import { axisSize, elementCount, floats, sameShape, shape4, type Value } from "../value.js";
import { cast, divide, greater, multiply, scale, subtract } from "./elementwise.js";
import { concat, reducedShape, reshape, slice, spread, sum } from "./shapes.js";

const meanOperation = defineOperation<{ axes: readonly number[]; keepAxes: boolean }>({
  name: "mean",
  infer(inputs, { axes, keepAxes }) {
    requireFloat("mean", inputs);
    return reducedShape("mean", inputs, axes, keepAxes);
  },
  lower(context, [x = ""], { attributes: { axes, keepAxes } }) {
    return context.node("ReduceMean", [x, context.integers(axes)], { keepdims: keepAxes ? 1 : 0 });
  },
  gradient({ inputs: [x], gradient, attributes: { axes } }) {
    if (x === undefined) return [];
    const count = axes.reduce((product, axis) => product * axisSize(x.shape, axis), 1);
    return [spread(scale(gradient, 1 / count), x.shape, axes)];
  },
});

/** Mean over the given axes (all, when not given). */
export function mean(
  x: Value,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  keepAxes = false,
): Value {
  return axes.length === 0 ? x : apply(meanOperation, [x], { axes, keepAxes });
}

const maximumOperation = defineOperation<{ axes: readonly number[] }>({
  name: "maximum",
  infer(inputs, { axes }) {
    requireFloat("maximum", inputs);
    return reducedShape("maximum", inputs, axes, true);
  },
  lower(context, [x = ""], { attributes: { axes } }) {
    return context.node("ReduceMax", [x, context.integers(axes)], { keepdims: 1 });
  },
  gradient({ inputs: [x], output, gradient, attributes: { axes } }) {
    if (x === undefined) return [];
    // Elements equal to the maximum share the gradient evenly.
    const below = cast(greater(output, x), "float32");
    const equal = subtract(floats(1), below);
    return [multiply(equal, divide(gradient, sum(equal, axes, true)))];
  },
});

/** Maximum over the given axes, which are kept with size 1. */
export const maximum = (x: Value, axes: readonly number[]): Value => apply(maximumOperation, [x], { axes });

const softmaxOperation = defineOperation<{ axis: number }>({
  name: "softmax",
  infer(inputs, { axis }) {
    requireFloat("softmax", inputs);
    const x = onlyInput("softmax", inputs);
    if (axis < 0 || axis >= x.shape.length) throw shapeError("softmax", inputs, `has no axis ${axis}`);
    return { shape: x.shape, dataType: "float32" };
  },
  lower: (context, inputs, { attributes }) => context.node("Softmax", inputs, { axis: attributes.axis }),
  gradient({ output, gradient, attributes: { axis } }) {
    return [multiply(output, subtract(gradient, sum(multiply(gradient, output), [axis], true)))];
  },
});

/** eˣ normalised to sum 1 along an axis. */
export const softmax = (x: Value, axis: number): Value => apply(softmaxOperation, [x], { axis });

/** The inner products [N, C] of the rows of two results [N, C, P]. */
function rowDots(
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

const channelMomentsOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelMoments",
  infer(inputs) {
    requireFloat("channelMoments", inputs);
    const [, channels] = shape4(onlyInput("channelMoments", inputs), "channelMoments");
    return { shape: [2, channels], dataType: "float32" };
  },
  lower(context, [x = ""], { inputs }) {
    const source = onlyInput("channelMoments", inputs);
    const [batch, channels, height, width] = shape4(source, "channelMoments");
    // Over the pixels first, then over the images: contiguous rows reduce several times faster.
    const overImages = (perImage: string, factor: number) => {
      const total = context.node("ReduceSum", [perImage, context.integers([0])], { keepdims: 1 });
      return context.node("Mul", [total, context.scalar(factor)]);
    };
    const rows = context.reshape(x, [batch, channels, height * width]);
    const means = context.node("ReduceMean", [rows, context.integers([2])], { keepdims: 0 });
    const first = overImages(means, 1 / batch);
    // The squares of the centred values: E[x²] − E[x]² would cancel digits that the gradients need.
    const centred = context.node("Sub", [rows, context.reshape(first, [1, channels, 1])]);
    const squares = rowDots(context, centred, centred, [batch, channels, height * width]);
    const second = overImages(squares, 1 / (batch * height * width));
    return context.node("Concat", [first, second], { axis: 0 });
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

const channelAffineOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "channelAffine",
  infer(inputs) {
    requireFloat("channelAffine", inputs);
    const [x, factor, shift] = inputs;
    if (x === undefined || factor === undefined || shift === undefined || inputs.length !== 3) {
      throw shapeError("channelAffine", inputs, "needs x [N, C, H, W], factor [C] and shift [C]");
    }
    const [, channels] = shape4(x, "channelAffine");
    if (factor.shape.length !== 1 || shift.shape.length !== 1) {
      throw shapeError("channelAffine", inputs, "factor and shift must be vectors");
    }
    if (factor.shape[0] !== channels || shift.shape[0] !== channels) {
      throw shapeError(
        "channelAffine",
        inputs,
        `factor and shift need one entry for each of ${channels} channels`,
      );
    }
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [x = "", factor = "", shift = ""], { output }) {
    const [, channels] = shape4(output, "channelAffine");
    const zeros = context.filledVector(channels, 0);
    const ones = context.filledVector(channels, 1);
    // One pass over memory instead of the two of a product and a sum.
    return context.node("BatchNormalization", [x, factor, shift, zeros, ones], { epsilon: { float: 0 } });
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

/** x · factor for each channel of [N, C, H, W]; without a shift, broadcasting uses more threads than an affine map. */
const channelScale = (x: Value, factor: Value): Value =>
  multiply(x, reshape(factor, [elementCount(factor.shape), 1, 1]));

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

/** Joins [C] vectors into rows of a matrix. */
export function stackRows(rows: readonly Value[]): Value {
  return concat(
    rows.map((row) => reshape(row, [1, elementCount(row.shape)])),
    0,
  );
}

export const reductionOperations = {
  mean: meanOperation,
  maximum: maximumOperation,
  softmax: softmaxOperation,
  channelMoments: channelMomentsOperation,
  channelAffine: channelAffineOperation,
  channelDot: channelDotOperation,
};
