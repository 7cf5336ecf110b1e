import type { LoweringContext } from "../lowering.js";
import { apply, defineOperation, onlyInput, requireAxes, shapeError } from "../operation.js";
import { axisSize, elementCount, formatShape, type Shape, sameShape, type Value } from "../value.js";

const reshapeOperation = defineOperation<{ shape: Shape }>({
  name: "reshape",
  infer(inputs, { shape }) {
    const x = onlyInput("reshape", inputs);
    if (elementCount(x.shape) !== elementCount(shape) || !shape.every(Number.isInteger)) {
      throw shapeError("reshape", inputs, `${formatShape(shape)} cannot hold as many elements`);
    }
    return { shape, dataType: x.dataType };
  },
  lower: (context, [x = ""], { output }) => context.reshape(x, output.shape),
  gradient: ({ inputs: [x], gradient }) => [x && reshape(gradient, x.shape)],
});

/** The same elements in another shape; one size may be -1 and is then worked out. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const full = shape.map((size) => (size === -1 ? elementCount(x.shape) / known : size));
  return sameShape(x.shape, full) ? x : apply(reshapeOperation, [x], { shape: full });
}

const transposeOperation = defineOperation<{ permutation: readonly number[] }>({
  name: "transpose",
  infer(inputs, { permutation }) {
    const x = onlyInput("transpose", inputs);
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length !== x.shape.length || sorted.some((axis, index) => axis !== index)) {
      throw shapeError("transpose", inputs, `[${permutation.join(", ")}] does not order its axes`);
    }
    return { shape: permutation.map((axis) => axisSize(x.shape, axis)), dataType: x.dataType };
  },
  lower: (context, inputs, { attributes }) =>
    context.node("Transpose", inputs, { perm: attributes.permutation }),
  gradient({ gradient, attributes: { permutation } }) {
    return [
      transpose(
        gradient,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ];
  },
});

/** Reorders the axes: result axis i is axis `permutation[i]` of `x`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  return apply(transposeOperation, [x], { permutation });
}

const broadcastOperation = defineOperation<{ shape: Shape }>({
  name: "broadcastTo",
  infer(inputs, { shape }) {
    const x = onlyInput("broadcastTo", inputs);
    const offset = shape.length - x.shape.length;
    const fits = offset >= 0 && x.shape.every((size, axis) => size === 1 || size === shape[axis + offset]);
    if (!fits) throw shapeError("broadcastTo", inputs, `cannot be stretched to ${formatShape(shape)}`);
    return { shape, dataType: x.dataType };
  },
  lower: (context, [x = ""], { output }) => context.node("Expand", [x, context.integers(output.shape)]),
  gradient: ({ inputs: [x], gradient }) => [x && reduceToShape(gradient, x.shape)],
});

/** Repeats axes of size 1 to the given shape. */
export function broadcastTo(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : apply(broadcastOperation, [x], { shape });
}

const sumOperation = defineOperation<{ axes: readonly number[]; keepAxes: boolean }>({
  name: "sum",
  infer(inputs, { axes, keepAxes }) {
    return reducedShape("sum", inputs, axes, keepAxes);
  },
  lower(context, [x = ""], { inputs, output, attributes: { axes, keepAxes } }) {
    const wide = axes.every((axis, index) => axis === index)
      ? wideRows(context, inputs[0], axes.length)
      : null;
    if (wide === null) {
      return context.node("ReduceSum", [x, context.integers(axes)], { keepdims: keepAxes ? 1 : 0 });
    }
    const total = (rows: string) => context.node("ReduceSum", [rows, context.integers([0])], { keepdims: 0 });
    const first = total(context.reshape(x, wide.asRows));
    return context.reshape(total(context.reshape(first, wide.left)), output.shape);
  },
  gradient: ({ inputs: [x], gradient, attributes: { axes } }) => [x && spread(gradient, x.shape, axes)],
});

/** Entries of a row that the CPU adds to others fastest. */
const WIDE = 2 ** 14;

/**
 * The shapes of a sum over many rows of few columns in two passes, which takes a third to a seventh of the time: several
 * rows count as one at first. Null where one pass is as good.
 */
function wideRows(
  { target }: LoweringContext,
  x: Value | undefined,
  axes: number,
): { readonly asRows: Shape; readonly left: Shape } | null {
  if (x === undefined || target !== "cpu") return null;
  const rows = elementCount(x.shape.slice(0, axes));
  const columns = elementCount(x.shape.slice(axes));
  let joined = 1;
  while (rows % (2 * joined) === 0 && 2 * joined * columns <= WIDE) joined *= 2;
  if (joined === 1 || rows < 32 * joined) return null;
  return { asRows: [rows / joined, joined * columns], left: [joined, columns] };
}

/** The shape left when axes are summed away or kept with size 1. */
export function reducedShape(
  operation: string,
  inputs: readonly Value[],
  axes: readonly number[],
  keepAxes: boolean,
) {
  const x = onlyInput(operation, inputs);
  requireAxes(operation, inputs, x, axes);
  if (x.dataType === "bool") throw shapeError(operation, inputs, "truth values must be cast first");
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return {
    shape: keepAxes ? kept : kept.filter((_, axis) => !axes.includes(axis)),
    dataType: x.dataType,
  };
}

/** Undoes a reduction's shape: puts the axes back and repeats along them. */
export function spread(reduced: Value, shape: Shape, axes: readonly number[]): Value {
  const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return broadcastTo(reshape(reduced, kept), shape);
}

/** Sum over the given axes (all, when not given). */
export function sum(
  x: Value,
  axes: readonly number[] = x.shape.map((_, axis) => axis),
  keepAxes = false,
): Value {
  return axes.length === 0 ? x : apply(sumOperation, [x], { axes, keepAxes });
}

/** Sums a broadcast gradient back to the shape of the operand it belongs to. */
export function reduceToShape(gradient: Value, shape: Shape): Value {
  if (sameShape(gradient.shape, shape)) return gradient;
  const offset = gradient.shape.length - shape.length;
  const axes = gradient.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < offset || (shape[axis - offset] === 1 && gradient.shape[axis] !== 1));
  return reshape(sum(gradient, axes), shape);
}

export const shapeOperations = {
  reshape: reshapeOperation,
  transpose: transposeOperation,
  broadcastTo: broadcastOperation,
  sum: sumOperation,
};
