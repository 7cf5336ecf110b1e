import * as graph from "../../../src/graph/index.js";
import {
  distinct,
  integers,
  numbers,
  type OperandSpec,
  type OperationCase,
  one,
  three,
  truths,
  two,
  uniform,
} from "../support/operation-case.js";
import * as reference from "../support/reference.js";

const SHAPES = [[], [7], [2, 3, 4], [1, 5, 1, 2]];

function unaryCases(
  build: (x: graph.Value) => graph.Value,
  f: (x: number) => number,
  operand: (shape: readonly number[]) => OperandSpec = (shape) => uniform(shape, -2, 2),
): OperationCase[] {
  return SHAPES.map((shape) =>
    one(graph.formatShape(shape), operand(shape), build, (x) => reference.map(x, f)),
  );
}

function binaryCases(
  build: (a: graph.Value, b: graph.Value) => graph.Value,
  f: (a: number, b: number) => number,
  operand: (shape: readonly number[]) => OperandSpec = (shape) => uniform(shape, 0.5, 2),
): OperationCase[] {
  const pairs = [
    [
      [3, 4],
      [3, 4],
    ],
    [[2, 3, 4], [4]],
    [
      [1, 4],
      [3, 1],
    ],
    [[], [2, 2]],
    [
      [2, 3, 2, 2],
      [1, 3, 1, 1],
    ],
    [[1], [1, 1]],
  ] as const;
  return pairs.map(([first, second]) =>
    two(
      `${graph.formatShape(first)} and ${graph.formatShape(second)}`,
      [operand(first), operand(second)],
      build,
      (a, b) => reference.zip([a, b], f),
    ),
  );
}

/** The same operand twice, where both gradients meet. */
const ofItself = (
  build: (a: graph.Value, b: graph.Value) => graph.Value,
  f: (a: number, b: number) => number,
) =>
  one(
    "an operand with itself",
    uniform([3, 2], 0.5, 2),
    (x) => build(x, x),
    (x) => reference.zip([x, x], f),
  );

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const large = numbers([4], [-90, -30, 30, 90]);

export const elementwiseCases = {
  add: [...binaryCases(graph.add, (a, b) => a + b), ofItself(graph.add, (a, b) => a + b)],
  subtract: [...binaryCases(graph.subtract, (a, b) => a - b), ofItself(graph.subtract, (a, b) => a - b)],
  multiply: [...binaryCases(graph.multiply, (a, b) => a * b), ofItself(graph.multiply, (a, b) => a * b)],
  divide: [...binaryCases(graph.divide, (a, b) => a / b), ofItself(graph.divide, (a, b) => a / b)],
  negate: unaryCases(graph.negate, (x) => -x),
  exp: unaryCases(graph.exp, Math.exp),
  log: unaryCases(graph.log, Math.log, (shape) => uniform(shape, 0.3, 3)),
  sqrt: unaryCases(graph.sqrt, Math.sqrt, (shape) => uniform(shape, 0.3, 3)),
  sin: unaryCases(graph.sin, Math.sin),
  cos: unaryCases(graph.cos, Math.cos),
  absolute: unaryCases(graph.absolute, Math.abs, distinct),
  sign: [
    ...unaryCases(graph.sign, Math.sign),
    one("zero", numbers([3], [-2, 0, 3]), graph.sign, (x) => reference.map(x, Math.sign)),
  ],
  relu: unaryCases(graph.relu, (x) => Math.max(x, 0), distinct),
  isPositive: [
    ...unaryCases(graph.isPositive, (x) => Number(x > 0)),
    one("extremes", numbers([7], [-3e38, -1e-37, -0, 0, 1.2e-38, 1, 3e38]), graph.isPositive, (x) =>
      reference.map(x, (element) => Number(element > 0)),
    ),
  ],
  sigmoid: [
    ...unaryCases(graph.sigmoid, logistic),
    one("saturated", large, graph.sigmoid, (x) => reference.map(x, logistic)),
  ],
  softplus: [
    ...unaryCases(graph.softplus, (x) => Math.log1p(Math.exp(x))),
    one("without overflow", large, graph.softplus, (x) =>
      reference.map(x, (element) => Math.max(element, 0) + Math.log1p(Math.exp(-Math.abs(element)))),
    ),
  ],
  erf: unaryCases(graph.erf, reference.erf, (shape) => uniform(shape, -3, 3)),
  greater: [
    ...binaryCases(graph.greater, (a, b) => Number(a > b)),
    two("equal elements", [numbers([3], [1, 2, 3]), numbers([3], [2, 2, 2])], graph.greater, (a, b) =>
      reference.zip([a, b], (first, second) => Number(first > second)),
    ),
  ],
  where: [
    three(
      "equal shapes",
      [truths([2, 3], [1, 0, 0, 1, 1, 0]), uniform([2, 3]), uniform([2, 3])],
      graph.where,
      (condition, a, b) => reference.zip([condition, a, b], (yes, first, second) => (yes ? first : second)),
    ),
    three(
      "broadcast condition and scalar",
      [truths([2, 1], [1, 0]), uniform([3]), uniform([])],
      graph.where,
      (condition, a, b) => reference.zip([condition, a, b], (yes, first, second) => (yes ? first : second)),
    ),
    three(
      "integers",
      [truths([3], [1, 0, 1]), integers([3], [1, 2, 3]), integers([3], [-4, -5, -6])],
      graph.where,
      (condition, a, b) => reference.zip([condition, a, b], (yes, first, second) => (yes ? first : second)),
    ),
  ],
  cast: [
    one(
      "truth values to numbers",
      truths([2, 2], [0, 1, 1, 0]),
      (x) => graph.cast(x, "float32"),
      (x) => x,
    ),
    one(
      "integers to numbers",
      integers([3], [-5, 0, 70000]),
      (x) => graph.cast(x, "float32"),
      (x) => x,
    ),
    one(
      "numbers to integers, towards zero",
      numbers([4], [-1.75, -0.5, 0.5, 2.75]),
      (x) => graph.cast(x, "int64"),
      (x) => reference.map(x, Math.trunc),
    ),
    one(
      "numbers to truth values",
      numbers([4], [-1.75, 0, 0.5, 2]),
      (x) => graph.cast(x, "bool"),
      (x) => reference.map(x, (element) => Number(element !== 0)),
    ),
  ],
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

export const elementwiseCompositeCases: Record<string, readonly OperationCase[]> = {
  square: unaryCases(graph.square, (x) => x * x),
  scale: unaryCases(
    (x) => graph.scale(x, -2.5),
    (x) => -2.5 * x,
  ),
  gelu: unaryCases(graph.gelu, (x) => (x * (1 + reference.erf(x / Math.SQRT2))) / 2),
};
