import * as graph from "../../../src/graph/index.js";
import {
  distinct,
  numbers,
  type OperandSpec,
  type OperationCase,
  one,
  uniform,
} from "../support/operation-case.js";
import * as reference from "../support/reference.js";

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
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

export const reductionCompositeCases: Record<string, readonly OperationCase[]> = {
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
