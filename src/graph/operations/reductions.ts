import { apply, defineOperation, onlyInput, requireFloat, shapeError } from "../operation.js";
import { axisSize, elementCount, floats, type Value } from "../value.js";
import { cast, divide, greater, multiply, scale, subtract } from "./elementwise.js";
import { reducedShape, reshape, spread, sum } from "./shapes.js";
import { concat } from "./slicing.js";

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
};
