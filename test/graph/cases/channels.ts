import * as graph from "../../../src/graph/index.js";
import { type OperationCase, one, required, three, two, uniform } from "../support/operation-case.js";
import * as reference from "../support/reference.js";
import { at, dot, generate, size, type Tensor } from "../support/tensor.js";

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

/** An image and `vectors` operands with one entry for each channel. */
const operandsOf = (shape: readonly number[], vectors: number) => [
  uniform(shape),
  ...Array.from({ length: vectors }, () => uniform([shape[1] ?? 0])),
];

const perChannel = (x: Tensor, f: (element: number, channel: number) => number): Tensor =>
  generate(x.shape, (index) => f(at(x, index), index[1] ?? 0));

const BATCH_NORM_EPSILON = 0.1;

function referenceBatchNorm(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const channels = Array.from({ length: size(x, 1) }, (_, c) => [...channel(x, c)]);
  const means = channels.map(reference.average);
  const deviations = channels.map((elements, c) => {
    const squares = elements.map((element) => (element - (means[c] ?? 0)) ** 2);
    return Math.sqrt(reference.average(squares) + BATCH_NORM_EPSILON);
  });
  return perChannel(
    x,
    (element, c) => ((element - (means[c] ?? 0)) / (deviations[c] ?? 1)) * at(weight, [c]) + at(bias, [c]),
  );
}

function batchNormCase(name: string, shape: readonly number[], offset?: number): OperationCase {
  const after = (y: graph.Value) =>
    offset === undefined ? y : graph.relu(graph.add(y, graph.floats(offset)));
  return {
    name,
    operands: operandsOf(shape, 2),
    build: ([x, weight, bias]) =>
      after(graph.batchNorm(required(x), required(weight), required(bias), BATCH_NORM_EPSILON)),
    reference: ([x, weight, bias]) => {
      const y = referenceBatchNorm(required(x), required(weight), required(bias));
      return offset === undefined ? y : reference.map(y, (element) => Math.max(element + offset, 0));
    },
  };
}

/** Where it meets a product of each channel, the gradient of a convolution takes the factors into its weights. */
const scaledConvolution = (image: readonly number[], kernel: number, stride: number, padding: number) => ({
  name: `of a convolution, kernel ${kernel}, stride ${stride}`,
  operands: [uniform(image), uniform([3, image[1] ?? 0, kernel, kernel]), uniform([3]), uniform([3])],
  build: ([x, weight, bias, factor]: readonly graph.Value[]) =>
    graph.channelScale(
      graph.conv2d(required(x), required(weight), { bias: required(bias), stride, padding }),
      required(factor),
    ),
  reference: ([x, weight, bias, factor]: readonly Tensor[]) =>
    perChannel(
      reference.conv2d(required(x), required(weight), stride, padding, required(bias)),
      (element, c) => element * at(required(factor), [c]),
    ),
});

export const channelCases = {
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
  channelScale: [
    ...IMAGES.map((shape) =>
      two(
        graph.formatShape(shape),
        [uniform(shape), uniform([shape[1] ?? 0])],
        graph.channelScale,
        (x, factor) => perChannel(x, (element, c) => element * at(factor, [c])),
      ),
    ),
    scaledConvolution([2, 2, 4, 5], 1, 1, 0),
    scaledConvolution([2, 2, 4, 5], 3, 1, 1),
    scaledConvolution([1, 33, 5, 4], 3, 2, 1),
  ],
  addChannelAffine: IMAGES.map((shape) => ({
    name: graph.formatShape(shape),
    operands: [uniform(shape), ...operandsOf(shape, 2)],
    build: ([base, x, factor, shift]: readonly graph.Value[]) =>
      graph.addChannelAffine(required(base), required(x), required(factor), required(shift)),
    reference: ([base, x, factor, shift]: readonly Tensor[]) =>
      reference.zip(
        [
          required(base),
          perChannel(
            required(x),
            (element, c) => element * at(required(factor), [c]) + at(required(shift), [c]),
          ),
        ],
        (a, b) => a + b,
      ),
  })),
  batchNorm: [
    ...IMAGES.map((shape) => batchNormCase(graph.formatShape(shape), shape)),
    batchNormCase("then a sum and ReLU", [2, 3, 4, 5], 0.3),
  ],
  channelDot: IMAGES.map((shape) =>
    two(graph.formatShape(shape), [uniform(shape), uniform(shape)], graph.channelDot, (a, b) =>
      generate([size(a, 1)], ([c = 0]) => dot(channel(a, c), channel(b, c))),
    ),
  ),
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;

export const channelCompositeCases: Record<string, readonly OperationCase[]> = {
  channelSum: shapesCase(graph.channelSum, (x) =>
    generate([size(x, 1)], ([c = 0]) => reference.total([...channel(x, c)])),
  ),
};
