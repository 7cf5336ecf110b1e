import type { LoweringContext } from "../lowering.js";
import { apply, defineOperation, onlyInput, requireAxes, shapeError } from "../operation.js";
import { axisSize, sameShape, type Value } from "../value.js";
import { reshape } from "./shapes.js";

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

export const slicingOperations = {
  slice: sliceOperation,
  pad: padOperation,
  concat: concatOperation,
};
