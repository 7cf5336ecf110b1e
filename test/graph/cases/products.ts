import * as graph from "../../../src/graph/index.js";
import { type OperationCase, one, required, three, two, uniform } from "../support/operation-case.js";
import * as reference from "../support/reference.js";

const TRANSPOSITIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

/** Every transposition of stacks [...stackA, 3, 4] times [...stackB, 4, 2]. */
function matmulCases(stackA: readonly number[], stackB: readonly number[]): OperationCase[] {
  return TRANSPOSITIONS.map(([transposeA, transposeB]) => {
    const a = [...stackA, ...(transposeA ? [4, 3] : [3, 4])];
    const b = [...stackB, ...(transposeB ? [2, 4] : [4, 2])];
    return two(
      `${graph.formatShape(a)}${transposeA ? "ᵀ" : ""} ${graph.formatShape(b)}${transposeB ? "ᵀ" : ""}`,
      [uniform(a), uniform(b)],
      (left, right) => graph.matmul(left, right, { transposeA, transposeB }),
      (left, right) => reference.matmul(left, right, transposeA, transposeB),
    );
  });
}

const attentionCase = (queries: readonly [number, number, number], keys: number, heads: number) => {
  const other = [queries[0], keys, queries[2]];
  return three(
    `${graph.formatShape(queries)} over ${keys}, ${heads} heads`,
    [uniform(queries), uniform(other), uniform(other)],
    (q, k, v) => graph.multiHeadAttention(q, k, v, heads),
    (q, k, v) => reference.multiHeadAttention(q, k, v, heads),
  );
};

interface Convolution {
  readonly image: readonly [number, number, number, number];
  readonly outputs: number;
  readonly kernel: number | readonly [number, number];
  readonly stride: number;
  readonly padding: number;
}

const kernelSizes = ({ kernel }: Convolution) => (typeof kernel === "number" ? [kernel, kernel] : kernel);

const describeConvolution = (convolution: Convolution): string =>
  `${graph.formatShape(convolution.image)} → ${convolution.outputs}, kernel ${kernelSizes(convolution).join("×")}, ` +
  `stride ${convolution.stride}, padding ${convolution.padding}`;

function convolutionCase(convolution: Convolution): OperationCase {
  const { image, outputs, stride, padding } = convolution;
  return two(
    describeConvolution(convolution),
    [uniform(image), uniform([outputs, image[1], ...kernelSizes(convolution)])],
    (x, weight) => graph.conv2d(x, weight, { stride, padding }),
    (x, weight) => reference.conv2d(x, weight, stride, padding),
  );
}

const convolution = (
  image: Convolution["image"],
  outputs: number,
  kernel: Convolution["kernel"],
  stride: number,
  padding: number,
) => convolutionCase({ image, outputs, kernel, stride, padding });

function transposedCase(
  { image, outputs, kernel, stride, padding }: Convolution,
  outputSize: readonly [number, number],
): OperationCase {
  const sizes = typeof kernel === "number" ? [kernel, kernel] : kernel;
  return two(
    `${describeConvolution({ image, outputs, kernel, stride, padding })}, to ${outputSize.join("×")}`,
    [uniform(image), uniform([image[1], outputs, ...sizes])],
    (x, weight) => graph.convTranspose2d(x, weight, { stride, padding, outputSize }),
    (x, weight) => reference.convTranspose2d(x, weight, stride, padding, outputSize),
  );
}

function weightGradientCase({ image, outputs, kernel, stride, padding }: Convolution): OperationCase {
  const sizes = typeof kernel === "number" ? ([kernel, kernel] as const) : kernel;
  const [batch, , height, width] = image;
  const result = [height, width].map((length, axis) =>
    Math.floor((length + 2 * padding - (sizes[axis] ?? 0)) / stride + 1),
  );
  return two(
    describeConvolution({ image, outputs, kernel, stride, padding }),
    [uniform(image), uniform([batch, outputs, ...result])],
    (x, gradient) => graph.conv2dWeightGradient(x, gradient, { stride, padding, kernel: sizes }),
    (x, gradient) => reference.conv2dWeightGradient(x, gradient, stride, padding, sizes),
  );
}

export const productCases = {
  matmul: [
    ...matmulCases([], []),
    ...matmulCases([2], [2]),
    ...matmulCases([5, 2], [5, 2]),
    ...matmulCases([2], []),
    ...matmulCases([], [2]),
    ...matmulCases([3, 1], [2]),
    ...matmulCases([1, 2], [3, 1]),
  ],
  conv2d: [
    convolution([2, 3, 5, 5], 4, 1, 1, 0),
    convolution([2, 3, 6, 5], 4, 1, 2, 0),
    convolution([1, 2, 4, 4], 2, 1, 1, 1),
    convolution([1, 2, 5, 4], 3, 2, 1, 0),
    convolution([1, 2, 6, 5], 3, 2, 2, 0),
    convolution([1, 2, 5, 5], 3, 2, 2, 1),
    convolution([2, 3, 6, 7], 4, 3, 1, 1),
    convolution([2, 3, 6, 7], 4, 3, 1, 0),
    convolution([1, 2, 4, 5], 3, 3, 1, 3),
    convolution([2, 3, 8, 7], 4, 3, 2, 1),
    convolution([1, 2, 9, 8], 2, 3, 2, 0),
    convolution([1, 2, 5, 6], 2, 3, 2, 3),
    convolution([1, 4, 11, 10], 3, 7, 2, 3),
    convolution([1, 2, 8, 9], 2, 7, 1, 3),
    convolution([1, 2, 9, 7], 2, 7, 1, 0),
    convolution([1, 2, 8, 8], 3, 3, 3, 1),
    convolution([1, 2, 6, 7], 3, [1, 3], 1, 1),
    convolution([1, 2, 6, 7], 3, [3, 2], 2, 1),
    convolution([2, 33, 5, 5], 3, 3, 1, 1),
    convolution([1, 35, 5, 7], 34, 3, 2, 1),
    convolution([3, 34, 3, 3], 36, 3, 1, 1),
    convolution([2, 16, 5, 4], 40, 3, 2, 1),
    convolution([4, 9, 2, 2], 12, 1, 1, 0),
    convolution([1, 32, 6, 5], 2, 1, 1, 0),
    convolution([2, 32, 7, 6], 3, 1, 2, 0),
    convolution([1, 32, 7, 8], 2, 7, 2, 3),
    // From eight images on, the weight's gradient gathers pixels with the images innermost.
    convolution([8, 2, 4, 3], 3, 3, 1, 1),
    convolution([9, 2, 5, 6], 2, 3, 2, 1),
    convolution([8, 33, 2, 3], 34, 3, 1, 1),
    convolution([8, 3, 7, 6], 2, [2, 3], 2, 0),
    convolution([8, 2, 3, 3], 3, 1, 1, 0),
    three(
      "with a bias",
      [uniform([2, 3, 5, 4]), uniform([4, 3, 3, 3]), uniform([4])],
      (x, weight, bias) => graph.conv2d(x, weight, { bias, padding: 1 }),
      (x, weight, bias) => reference.conv2d(x, weight, 1, 1, bias),
    ),
    three(
      "strided with a bias",
      [uniform([1, 32, 6, 6]), uniform([3, 32, 3, 3]), uniform([3])],
      (x, weight, bias) => graph.conv2d(x, weight, { bias, padding: 1, stride: 2 }),
      (x, weight, bias) => reference.conv2d(x, weight, 2, 1, bias),
    ),
  ],
  conv2dWeightGradient: [
    weightGradientCase({ image: [2, 3, 5, 4], outputs: 2, kernel: 3, stride: 1, padding: 1 }),
    weightGradientCase({ image: [2, 2, 6, 7], outputs: 3, kernel: 3, stride: 2, padding: 1 }),
    weightGradientCase({ image: [8, 2, 5, 4], outputs: 2, kernel: [2, 3], stride: 1, padding: 0 }),
    weightGradientCase({ image: [1, 4, 3, 3], outputs: 2, kernel: 1, stride: 1, padding: 0 }),
  ],
  convTranspose2d: [
    transposedCase({ image: [1, 3, 4, 5], outputs: 2, kernel: 2, stride: 2, padding: 0 }, [8, 10]),
    transposedCase({ image: [2, 3, 4, 3], outputs: 2, kernel: 3, stride: 1, padding: 1 }, [4, 3]),
    transposedCase({ image: [1, 2, 4, 3], outputs: 3, kernel: 3, stride: 2, padding: 1 }, [7, 6]),
    transposedCase({ image: [1, 2, 4, 3], outputs: 3, kernel: 3, stride: 2, padding: 1 }, [8, 5]),
    transposedCase({ image: [2, 2, 3, 3], outputs: 2, kernel: 1, stride: 2, padding: 0 }, [6, 5]),
    transposedCase({ image: [1, 33, 3, 4], outputs: 4, kernel: 2, stride: 2, padding: 0 }, [6, 8]),
    transposedCase({ image: [1, 4, 3, 3], outputs: 33, kernel: [2, 3], stride: 2, padding: 0 }, [6, 7]),
    transposedCase({ image: [1, 2, 4, 4], outputs: 2, kernel: 7, stride: 2, padding: 3 }, [8, 8]),
    three(
      "with a bias and the default size",
      [uniform([1, 3, 3, 4]), uniform([3, 2, 2, 2]), uniform([2])],
      (x, weight, bias) => graph.convTranspose2d(x, weight, { bias, stride: 2 }),
      (x, weight, bias) => reference.convTranspose2d(x, weight, 2, 0, [6, 8], required(bias)),
    ),
  ],
  multiHeadAttention: [
    attentionCase([2, 3, 4], 5, 2),
    attentionCase([1, 9, 6], 9, 1),
    attentionCase([1, 2, 12], 3, 3),
  ],
  flippedWeights: [
    [2, 3, 3, 3],
    [3, 2, 2, 3],
    [4, 3, 1, 1],
  ].map((shape) =>
    one(graph.formatShape(shape), uniform(shape), graph.flippedWeights, reference.flippedWeights),
  ),
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;
