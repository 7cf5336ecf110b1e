import * as graph from "../../../src/graph/index.js";
import {
  distinct,
  numbers,
  type OperandSpec,
  type OperationCase,
  one,
  three,
  two,
  uniform,
} from "../support/operation-case.js";
import * as reference from "../support/reference.js";
import { at, dot, generate, size, type Tensor } from "../support/tensor.js";

const meanCase = (shape: readonly number[], axes: readonly number[], keepAxes: boolean) =>
  one(
    `${graph.formatShape(shape)} over ${axes.join(", ")}${keepAxes ? ", kept" : ""}`,
    uniform(shape),
    (x) => graph.mean(x, axes, keepAxes),
    (x) => reference.reduce(x, axes, keepAxes, reference.average),
  );

const maximumCase = (name: string, operand: OperandSpec, axes: readonly number[]) =>
  one(
    name,
    operand,
    (x) => graph.maximum(x, axes),
    (x) => reference.reduce(x, axes, true, (elements) => Math.max(...elements)),
  );

const softmaxCase = (operand: OperandSpec, axis: number) =>
  one(
    `axis ${axis}`,
    operand,
    (x) => graph.softmax(x, axis),
    (x) => {
      const sums = reference.reduce(x, [axis], true, (elements) => reference.total(elements.map(Math.exp)));
      return reference.zip([x, sums], (element, sum) => Math.exp(element) / sum);
    },
  );

/** All elements of a channel of [N, C, H, W], image after image. */
const channel = (x: Tensor, c: number): Float64Array =>
  generate([size(x, 0), size(x, 2), size(x, 3)], ([n = 0, i = 0, j = 0]) => at(x, [n, c, i, j])).data;

const IMAGES = [
  [1, 1, 2, 2],
  [2, 3, 4, 5],
  [3, 2, 1, 7],
  [2, 33, 3, 3],
];

const shapesCase = (
  build: (x: graph.Value) => graph.Value,
  f: (x: Tensor) => Tensor,
): readonly OperationCase[] => IMAGES.map((shape) => one(graph.formatShape(shape), uniform(shape), build, f));

export const reductionCases = {
  mean: [meanCase([6], [0], false), meanCase([2, 3, 4], [0, 2], false), meanCase([2, 3, 4], [1, 2], true)],
  maximum: [
    maximumCase("vector", distinct([7]), [0]),
    maximumCase("middle axis", distinct([2, 5, 3]), [1]),
    maximumCase("two axes", distinct([2, 3, 4]), [0, 2]),
  ],
  softmax: [
    softmaxCase(uniform([6], -3, 3), 0),
    softmaxCase(uniform([2, 4, 3], -3, 3), 1),
    softmaxCase(uniform([2, 2, 5], -3, 3), 2),
  ],
  channelMoments: shapesCase(graph.channelMoments, (x) =>
    generate([2, size(x, 1)], ([row = 0, c = 0]) => {
      const elements = [...channel(x, c)];
      const centre = reference.average(elements);
      return row === 0 ? centre : reference.average(elements.map((element) => (element - centre) ** 2));
    }),
  ),
  channelAffine: IMAGES.map((shape) =>
    three(
      graph.formatShape(shape),
      [uniform(shape), uniform([shape[1] ?? 0]), uniform([shape[1] ?? 0])],
      graph.channelAffine,
      (x, factor, shift) =>
        generate(shape, (index) => {
          const [, c = 0] = index;
          return at(x, index) * at(factor, [c]) + at(shift, [c]);
        }),
    ),
  ),
  channelDot: IMAGES.map((shape) =>
    two(graph.formatShape(shape), [uniform(shape), uniform(shape)], graph.channelDot, (a, b) =>
      generate([size(a, 1)], ([c = 0]) => dot(channel(a, c), channel(b, c))),
    ),
  ),
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

export const reductionCompositeCases: Record<string, readonly OperationCase[]> = {
  channelSum: shapesCase(graph.channelSum, (x) =>
    generate([size(x, 1)], ([c = 0]) => reference.total([...channel(x, c)])),
  ),
  "softmax of large logits": [
    one(
      "without overflow",
      numbers([3], [1000, 1001, 999]),
      (x) => graph.softmax(x, 0),
      (x) => {
        const shifted = reference.map(x, (element) => Math.exp(element - 1001));
        return reference.map(shifted, (element) => element / reference.total([...shifted.data]));
      },
    ),
  ],
};
