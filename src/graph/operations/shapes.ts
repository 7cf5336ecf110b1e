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

/** A range along one axis: elements start, start + step, … before end; `step` may be negative. */
export interface SliceRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step?: number;
}

const axisOf = ({ axis }: { readonly axis: number }): number => axis;

function rangeLength({ start, end, step = 1 }: SliceRange): number {
  return Math.max(0, Math.ceil((end - start) / step));
}

/** True when every element of the range, and so its bounds, lies in an axis of the given size. */
function rangeFits({ start, end, step = 1 }: SliceRange, size: number): boolean {
  if (step === 0 || !Number.isInteger(step) || start < 0) return false;
  return step > 0 ? start <= size && end >= 0 && end <= size : start < size && end >= -1 && end < size;
}

function sliceNode(context: LoweringContext, x: string, ranges: readonly SliceRange[]): string {
  const column = (pick: (range: SliceRange) => number) => context.integers(ranges.map(pick));
  // ONNX counts an end of -1 from the back; a reversed slice that includes element 0 ends "before minus infinity".
  const end = (range: SliceRange) => (range.end < 0 ? -(2 ** 31) : range.end);
  return context.node("Slice", [
    x,
    column((range) => range.start),
    column(end),
    column((range) => range.axis),
    column((range) => range.step ?? 1),
  ]);
}

/** The elements of a range one by one. */
function takeRange(context: LoweringContext, x: string, range: SliceRange): string {
  const { axis, start, step = 1 } = range;
  const positions = Array.from({ length: rangeLength(range) }, (_, index) => start + index * step);
  return context.node("Gather", [x, context.integers(positions)], { axis });
}

const sliceOperation = defineOperation<{ ranges: readonly SliceRange[] }>({
  name: "slice",
  infer(inputs, { ranges }) {
    const x = onlyInput("slice", inputs);
    requireAxes("slice", inputs, x, ranges.map(axisOf));
    const shape = [...x.shape];
    for (const range of ranges) {
      if (!rangeFits(range, axisSize(x.shape, range.axis))) {
        throw shapeError("slice", inputs, `${range.start}:${range.end} leaves axis ${range.axis}`);
      }
      shape[range.axis] = rangeLength(range);
    }
    return { shape, dataType: x.dataType };
  },
  lower(context, [x = ""], { attributes: { ranges } }) {
    if (context.target === "cpu") return sliceNode(context, x, ranges);
    // The WebGPU provider takes wrong elements in steps backwards.
    const [forwards, backwards] = [true, false].map((isForwards) =>
      ranges.filter(({ step = 1 }) => step > 0 === isForwards),
    );
    const sliced = forwards?.length ? sliceNode(context, x, forwards) : x;
    return (backwards ?? []).reduce((result, range) => takeRange(context, result, range), sliced);
  },
  gradient({ inputs: [x], gradient, attributes: { ranges } }) {
    if (x === undefined) return [];
    return [
      ranges.reduce((result, range) => unslice(result, range, axisSize(x.shape, range.axis)), gradient),
    ];
  },
});

/** Places the slice `y` back into zeros along one axis of the given size: the transpose of slicing. */
function unslice(y: Value, range: SliceRange, size: number): Value {
  const { axis, start, step = 1 } = range;
  const length = axisSize(y.shape, axis);
  if (length === 0) return pad(y, [{ axis, before: 0, after: size }]);
  if (step < 0) {
    const lowest = start + (length - 1) * step;
    return unslice(reverse(y, [axis]), { axis, start: lowest, end: start + 1, step: -step }, size);
  }
  const spread = step === 1 ? y : dilate(y, axis, step);
  const used = start + axisSize(spread.shape, axis);
  return pad(spread, [{ axis, before: start, after: size - used }]);
}

/** Puts `step - 1` zeros between neighbours along one axis. */
export function dilate(x: Value, axis: number, step: number): Value {
  const length = axisSize(x.shape, axis);
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const separated = reshape(x, [...before, length, 1, ...after]);
  const spaced = pad(separated, [{ axis: axis + 1, before: 0, after: step - 1 }]);
  const joined = reshape(spaced, [...before, length * step, ...after]);
  return slice(joined, [{ axis, start: 0, end: (length - 1) * step + 1 }]);
}

/** Takes a range of each named axis. */
export function slice(x: Value, ranges: readonly SliceRange[]): Value {
  const active = ranges.filter(
    (range) => range.start !== 0 || range.end !== x.shape[range.axis] || (range.step ?? 1) !== 1,
  );
  return active.length === 0 ? x : apply(sliceOperation, [x], { ranges: active });
}

/** Reverses the order along the given axes. */
export function reverse(x: Value, axes: readonly number[]): Value {
  return slice(
    x,
    axes.map((axis) => ({ axis, start: axisSize(x.shape, axis) - 1, end: -1, step: -1 })),
  );
}

/** How many zeros go before and after an axis. */
export interface Padding {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

const padOperation = defineOperation<{ padding: readonly Padding[] }>({
  name: "pad",
  infer(inputs, { padding }) {
    const x = onlyInput("pad", inputs);
    requireAxes("pad", inputs, x, padding.map(axisOf));
    const shape = [...x.shape];
    for (const { axis, before, after } of padding) {
      if (before < 0 || after < 0) throw shapeError("pad", inputs, "padding must not be negative");
      shape[axis] = axisSize(x.shape, axis) + before + after;
    }
    return { shape, dataType: x.dataType };
  },
  lower(context, [x = ""], { attributes: { padding }, output }) {
    const amounts = new Array<number>(output.shape.length * 2).fill(0);
    for (const { axis, before, after } of padding) {
      amounts[axis] = before;
      amounts[axis + output.shape.length] = after;
    }
    return context.node("Pad", [x, context.integers(amounts)], { mode: "constant" });
  },
  gradient({ inputs: [x], gradient, attributes: { padding } }) {
    if (x === undefined) return [];
    return [
      slice(
        gradient,
        padding.map(({ axis, before }) => ({ axis, start: before, end: before + axisSize(x.shape, axis) })),
      ),
    ];
  },
});

/** Surrounds `x` with zeros. */
export function pad(x: Value, padding: readonly Padding[]): Value {
  const active = padding.filter(({ before, after }) => before !== 0 || after !== 0);
  return active.length === 0 ? x : apply(padOperation, [x], { padding: active });
}

const concatOperation = defineOperation<{ axis: number }>({
  name: "concat",
  infer(inputs, { axis }) {
    const [first] = inputs;
    if (first === undefined) throw shapeError("concat", inputs, `needs operands to join along axis ${axis}`);
    requireAxes("concat", inputs, first, [axis]);
    const others = (value: Value) => value.shape.filter((_, index) => index !== axis);
    if (
      inputs.some((value) => value.dataType !== first.dataType || !sameShape(others(value), others(first)))
    ) {
      throw shapeError("concat", inputs, `the axes other than ${axis} must be equal`);
    }
    const total = inputs.reduce((sum, value) => sum + axisSize(value.shape, axis), 0);
    return {
      shape: first.shape.map((size, index) => (index === axis ? total : size)),
      dataType: first.dataType,
    };
  },
  lower: (context, inputs, { attributes }) => context.node("Concat", inputs, { axis: attributes.axis }),
  gradient({ inputs, gradient, attributes: { axis }, needed }) {
    let start = 0;
    return inputs.map((value, index) => {
      const end = start + axisSize(value.shape, axis);
      const part = needed[index] ? slice(gradient, [{ axis, start, end }]) : undefined;
      start = end;
      return part;
    });
  },
});

/** Joins values along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : apply(concatOperation, values, { axis });
}

const sumOperation = defineOperation<{ axes: readonly number[]; keepAxes: boolean }>({
  name: "sum",
  infer(inputs, { axes, keepAxes }) {
    return reducedShape("sum", inputs, axes, keepAxes);
  },
  lower(context, [x = ""], { attributes: { axes, keepAxes } }) {
    return context.node("ReduceSum", [x, context.integers(axes)], { keepdims: keepAxes ? 1 : 0 });
  },
  gradient: ({ inputs: [x], gradient, attributes: { axes } }) => [x && spread(gradient, x.shape, axes)],
});

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
  slice: sliceOperation,
  pad: padOperation,
  concat: concatOperation,
  sum: sumOperation,
};
