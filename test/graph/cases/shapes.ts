import * as graph from "../../../src/graph/index.js";
import { integers, type OperationCase, one, three, two, uniform } from "../support/operation-case.js";
import * as reference from "../support/reference.js";
import { at, broadcastAt, generate, size, type Tensor } from "../support/tensor.js";

function sliced(x: Tensor, ranges: readonly graph.SliceRange[]): Tensor {
  const shape = [...x.shape];
  const places = x.shape.map((length) => [...Array(length).keys()]);
  for (const { axis, start, end, step = 1 } of ranges) {
    const chosen: number[] = [];
    for (let place = start; step > 0 ? place < end : place > end; place += step) chosen.push(place);
    places[axis] = chosen;
    shape[axis] = chosen.length;
  }
  return generate(shape, (index) =>
    at(
      x,
      index.map((place, axis) => places[axis]?.[place] ?? -1),
    ),
  );
}

const sliceCase = (name: string, shape: readonly number[], ranges: readonly graph.SliceRange[]) =>
  one(
    name,
    uniform(shape),
    (x) => graph.slice(x, ranges),
    (x) => sliced(x, ranges),
  );

const padCase = (shape: readonly number[], padding: readonly graph.Padding[]) =>
  one(
    `${graph.formatShape(shape)} by ${padding.map(({ axis, before, after }) => `${axis}: ${before}, ${after}`).join("; ")}`,
    uniform(shape),
    (x) => graph.pad(x, padding),
    (x) => {
      const before = x.shape.map((_, axis) => padding.find((each) => each.axis === axis)?.before ?? 0);
      const after = x.shape.map((_, axis) => padding.find((each) => each.axis === axis)?.after ?? 0);
      return generate(
        x.shape.map((length, axis) => length + (before[axis] ?? 0) + (after[axis] ?? 0)),
        (index) =>
          at(
            x,
            index.map((place, axis) => place - (before[axis] ?? 0)),
          ),
      );
    },
  );

function concatenated(values: readonly Tensor[], axis: number): Tensor {
  const [first] = values;
  const lengths = values.map((value) => size(value, axis));
  const shape = (first?.shape ?? []).map((length, index) =>
    index === axis ? reference.total(lengths) : length,
  );
  return generate(shape, (index) => {
    let place = index[axis] ?? 0;
    let which = 0;
    while (place >= (lengths[which] ?? 0)) place -= lengths[which++] ?? 0;
    const value = values[which];
    return value === undefined ? Number.NaN : at(value, index.toSpliced(axis, 1, place));
  });
}

const reshapeCase = (from: readonly number[], to: readonly number[], result: readonly number[] = to) =>
  one(
    `${graph.formatShape(from)} to ${graph.formatShape(to)}`,
    uniform(from),
    (x) => graph.reshape(x, to),
    (x) => ({ shape: result, data: x.data }),
  );

const transposeCase = (shape: readonly number[], permutation: readonly number[]) =>
  one(
    `${graph.formatShape(shape)} by ${permutation.join("")}`,
    uniform(shape),
    (x) => graph.transpose(x, permutation),
    (x) => reference.transpose(x, permutation),
  );

const broadcastCase = (from: readonly number[], to: readonly number[]) =>
  one(
    `${graph.formatShape(from)} to ${graph.formatShape(to)}`,
    uniform(from),
    (x) => graph.broadcastTo(x, to),
    (x) => generate(to, (index) => broadcastAt(x, index)),
  );

const sumCase = (shape: readonly number[], axes: readonly number[], keepAxes: boolean) =>
  one(
    `${graph.formatShape(shape)} over ${axes.join(", ")}${keepAxes ? ", kept" : ""}`,
    uniform(shape),
    (x) => graph.sum(x, axes, keepAxes),
    (x) => reference.reduce(x, axes, keepAxes, reference.total),
  );

export const shapeCases = {
  reshape: [
    reshapeCase([2, 6], [3, 4]),
    reshapeCase([2, 6], [2, -1, 2], [2, 3, 2]),
    reshapeCase([1], []),
    reshapeCase([], [1, 1]),
  ],
  transpose: [
    transposeCase([3, 4], [1, 0]),
    transposeCase([2, 3, 4], [2, 0, 1]),
    transposeCase([2, 3, 1, 4], [1, 0, 3, 2]),
    transposeCase([2, 3], [0, 1]),
  ],
  broadcastTo: [
    broadcastCase([], [2, 3]),
    broadcastCase([3], [2, 3]),
    broadcastCase([1, 3, 1], [2, 3, 4]),
    broadcastCase([2, 1], [5, 2, 1]),
  ],
  slice: [
    sliceCase("inner range", [6], [{ axis: 0, start: 1, end: 5 }]),
    sliceCase("positive step", [3, 7], [{ axis: 1, start: 1, end: 7, step: 2 }]),
    sliceCase("step beyond the end", [9], [{ axis: 0, start: 2, end: 9, step: 4 }]),
    sliceCase("reversed", [5, 2], [{ axis: 0, start: 4, end: -1, step: -1 }]),
    sliceCase("negative step, part", [9], [{ axis: 0, start: 7, end: 1, step: -3 }]),
    sliceCase(
      "several axes",
      [4, 3, 5],
      [
        { axis: 0, start: 3, end: 0, step: -2 },
        { axis: 2, start: 1, end: 4 },
      ],
    ),
    sliceCase("one element", [3, 3], [{ axis: 1, start: 2, end: 3 }]),
  ],
  pad: [
    padCase([3], [{ axis: 0, before: 1, after: 2 }]),
    padCase(
      [2, 3, 2],
      [
        { axis: 0, before: 0, after: 1 },
        { axis: 2, before: 2, after: 0 },
      ],
    ),
    padCase(
      [1, 2, 3, 3],
      [
        { axis: 2, before: 1, after: 1 },
        { axis: 3, before: 1, after: 1 },
      ],
    ),
  ],
  concat: [
    two(
      "two vectors",
      [uniform([2]), uniform([3])],
      (a, b) => graph.concat([a, b], 0),
      (a, b) => concatenated([a, b], 0),
    ),
    three(
      "three stacks in the middle",
      [uniform([2, 1, 3]), uniform([2, 2, 3]), uniform([2, 4, 3])],
      (a, b, c) => graph.concat([a, b, c], 1),
      (a, b, c) => concatenated([a, b, c], 1),
    ),
    one(
      "the same value twice",
      uniform([2, 3]),
      (x) => graph.concat([x, x], 1),
      (x) => concatenated([x, x], 1),
    ),
    two(
      "integers",
      [integers([2], [1, 2]), integers([1], [-3])],
      (a, b) => graph.concat([a, b], 0),
      (a, b) => concatenated([a, b], 0),
    ),
  ],
  sum: [
    sumCase([5], [0], false),
    sumCase([2, 3, 4], [1], false),
    sumCase([2, 3, 4], [0, 2], true),
    sumCase([2, 3, 4], [0, 1, 2], false),
    one(
      "integers",
      integers([2, 2], [1, 2, 3, 4]),
      (x) => graph.sum(x, [0]),
      (x) => reference.reduce(x, [0], false, reference.total),
    ),
  ],
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

export const shapeCompositeCases: Record<string, readonly OperationCase[]> = {
  dilate: [dilateCase([4], 0, 2), dilateCase([2, 3, 2], 1, 3), dilateCase([1, 2, 3, 4], 2, 2)],
  reverse: [
    one(
      "one axis",
      uniform([3, 4]),
      (x) => graph.reverse(x, [1]),
      (x) => generate([3, 4], ([i = 0, j = 0]) => at(x, [i, 3 - j])),
    ),
    one(
      "two axes",
      uniform([2, 3, 4]),
      (x) => graph.reverse(x, [0, 2]),
      (x) => generate([2, 3, 4], ([i = 0, j = 0, k = 0]) => at(x, [1 - i, j, 3 - k])),
    ),
  ],
  rows: [
    one(
      "rows of a matrix",
      uniform([5, 3]),
      (x) => graph.rows(x, 1, 3),
      (x) => sliced(x, [{ axis: 0, start: 1, end: 3 }]),
    ),
  ],
  stackRows: [
    two(
      "two vectors",
      [uniform([3]), uniform([3])],
      (a, b) => graph.stackRows([a, b]),
      (a, b) => generate([2, 3], ([row = 0, column = 0]) => at(row === 0 ? a : b, [column])),
    ),
  ],
};

function dilateCase(shape: readonly number[], axis: number, step: number): OperationCase {
  return one(
    `${graph.formatShape(shape)}, axis ${axis}, step ${step}`,
    uniform(shape),
    (x) => graph.dilate(x, axis, step),
    (x) =>
      generate(
        shape.map((length, each) => (each === axis ? (length - 1) * step + 1 : length)),
        (index) => {
          const place = index[axis] ?? 0;
          return place % step === 0 ? at(x, index.toSpliced(axis, 1, place / step)) : 0;
        },
      ),
  );
}
