import * as graph from "../../../src/graph/index.js";
import {
  distinct,
  integers,
  numbers,
  type OperationCase,
  one,
  two,
  uniform,
} from "../support/operation-case.js";
import * as reference from "../support/reference.js";
import { at, generate } from "../support/tensor.js";

const WINDOWS: readonly (readonly [shape: readonly number[], attributes: graph.PoolingAttributes])[] = [
  [[1, 1, 4, 4], { kernel: 2, stride: 2, padding: 0 }],
  [[2, 3, 8, 7], { kernel: 3, stride: 2, padding: 1 }],
  [[1, 2, 5, 6], { kernel: 3, stride: 1, padding: 1 }],
  [[2, 2, 7, 5], { kernel: 2, stride: 1, padding: 0 }],
  [[1, 1, 9, 8], { kernel: 3, stride: 3, padding: 0 }],
  [[1, 33, 6, 6], { kernel: 3, stride: 2, padding: 1 }],
];

const describeWindow = (shape: readonly number[], { kernel, stride, padding }: graph.PoolingAttributes) =>
  `${graph.formatShape(shape)}, kernel ${kernel}, stride ${stride}, padding ${padding}`;

const tied = numbers([1, 1, 3, 4], [1, 1, 0, 0, 1, 1, 0, 0, 2, 2, 2, 2]);

const flat = (shape: readonly number[], data: readonly number[]) => integers(shape, data);

export const poolingCases = {
  maxPool2d: WINDOWS.map(([shape, attributes]) =>
    one(
      describeWindow(shape, attributes),
      distinct(shape),
      (x) => graph.maxPool2d(x, attributes),
      (x) => reference.maxPool2d(x, attributes.kernel, attributes.stride, attributes.padding).values,
    ),
  ),
  maxPool2dGradient: WINDOWS.map(([shape, attributes]) => gradientCase(shape, attributes)),
  maxPool2dIndices: [
    ...WINDOWS.map(([shape, attributes]) =>
      one(
        describeWindow(shape, attributes),
        distinct(shape),
        (x) => graph.maxPool2dIndices(x, attributes),
        (x) => reference.maxPool2d(x, attributes.kernel, attributes.stride, attributes.padding).indices,
      ),
    ),
    one(
      "the first of equal elements",
      tied,
      (x) => graph.maxPool2dIndices(x, { kernel: 2, stride: 1, padding: 0 }),
      (x) => reference.maxPool2d(x, 2, 1, 0).indices,
    ),
  ],
  scatterAdd: [
    two(
      "distinct positions",
      [uniform([3]), flat([3], [4, 0, 2])],
      (updates, indices) => graph.scatterAdd(updates, indices, 6),
      (updates, indices) => scattered(updates, indices, 6),
    ),
    two(
      "repeated positions",
      [uniform([2, 4]), flat([2, 4], [1, 1, 1, 0, 3, 3, 1, 0])],
      (updates, indices) => graph.scatterAdd(updates, indices, 5),
      (updates, indices) => scattered(updates, indices, 5),
    ),
  ],
  gather: [
    two("vector", [uniform([5]), flat([3], [4, 0, 2])], graph.gather, gathered),
    two("repeated, from a matrix", [uniform([2, 3]), flat([2, 2], [5, 1, 1, 1])], graph.gather, gathered),
    two("integers", [integers([4], [10, 20, 30, 40]), flat([1, 3], [3, 3, 0])], graph.gather, gathered),
  ],
  takeRows: [
    takeRowsCase([1, 3, 2], [2, 0]),
    takeRowsCase([2, 3, 4], [1, 1, 2, 0, 1]),
    takeRowsCase([3, 1, 1], [0, 0]),
  ],
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

/** Its derivative by the image is zero: a small step changes no maximum's place. */
function gradientCase(shape: readonly number[], attributes: graph.PoolingAttributes): OperationCase {
  const { kernel, stride, padding } = attributes;
  const size = (axis: number) => Math.floor(((shape[axis] ?? 0) + 2 * padding - kernel) / stride) + 1;
  return two(
    describeWindow(shape, attributes),
    [distinct(shape), uniform([shape[0] ?? 0, shape[1] ?? 0, size(2), size(3)])],
    (x, gradient) => graph.maxPool2dGradient(x, graph.maxPool2d(x, attributes), gradient, attributes),
    (x, gradient) => {
      const { indices } = reference.maxPool2d(x, kernel, stride, padding);
      return { shape, data: scattered(gradient, indices, x.data.length).data };
    },
  );
}

function takeRowsCase(shape: readonly number[], positions: readonly number[]): OperationCase {
  return one(
    `${graph.formatShape(shape)} at ${positions.join(", ")}`,
    uniform(shape),
    (x) => graph.takeRows(x, positions),
    (x) =>
      generate([shape[0] ?? 0, positions.length, shape[2] ?? 0], ([outer = 0, row = 0, offset = 0]) =>
        at(x, [outer, positions[row] ?? 0, offset]),
      ),
  );
}

function scattered(
  updates: { data: Float64Array },
  indices: { data: Float64Array },
  size: number,
): { shape: number[]; data: Float64Array } {
  const data = new Float64Array(size);
  indices.data.forEach((position, which) => {
    data[position] = (data[position] ?? 0) + (updates.data[which] ?? 0);
  });
  return { shape: [size], data };
}

function gathered(x: { data: Float64Array }, indices: { shape: readonly number[]; data: Float64Array }) {
  let which = 0;
  return generate(indices.shape, () => x.data[indices.data[which++] ?? -1] ?? Number.NaN);
}
