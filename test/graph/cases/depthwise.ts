import * as graph from "../../../src/graph/index.js";
import {
  distinct,
  numbers,
  type OperationCase,
  one,
  three,
  two,
  uniform,
} from "../support/operation-case.js";
import * as reference from "../support/reference.js";

interface Depthwise {
  readonly image: readonly [number, number, number, number];
  readonly kernel: readonly [number, number];
  readonly stride: number;
  /** Top, left, bottom, right. */
  readonly padding: readonly [number, number, number, number];
}

const described = ({ image, kernel, stride, padding }: Depthwise) =>
  `${graph.formatShape(image)}, kernel ${kernel.join("×")}, stride ${stride}, padding ${padding.join(" ")}`;

const plain = (
  image: Depthwise["image"],
  kernel: number | Depthwise["kernel"],
  stride: number,
  padding: number | Depthwise["padding"],
): Depthwise => ({
  image,
  kernel: typeof kernel === "number" ? [kernel, kernel] : kernel,
  stride,
  padding: typeof padding === "number" ? [padding, padding, padding, padding] : padding,
});

/** 16 channels and their multiples go the way of blocked channels on a CPU, others do not. */
const sizes: readonly Depthwise[] = [
  plain([2, 3, 5, 6], 3, 1, 1),
  plain([1, 2, 6, 7], 3, 2, [0, 1, 1, 0]),
  plain([2, 2, 6, 6], 3, 2, 0),
  plain([1, 3, 7, 5], [2, 3], 1, [0, 1, 1, 1]),
  plain([1, 2, 4, 4], 1, 2, 0),
  plain([1, 2, 8, 8], 3, 3, 1),
  plain([1, 2, 4, 5], 3, 1, 3),
  plain([2, 16, 5, 4], 3, 1, 1),
  plain([1, 32, 6, 6], 3, 2, [0, 0, 1, 1]),
  plain([1, 16, 8, 8], 5, 2, [1, 1, 2, 2]),
  plain([1, 16, 7, 5], 5, 2, 2),
  plain([1, 16, 6, 7], 3, 2, 0),
  plain([3, 48, 4, 3], 5, 1, 2),
  plain([1, 16, 5, 5], 3, 1, 3),
];

const resultOf = ({ image: [, , height, width], kernel, stride, padding }: Depthwise) =>
  [
    Math.floor((height + padding[0] + padding[2] - kernel[0]) / stride) + 1,
    Math.floor((width + padding[1] + padding[3] - kernel[1]) / stride) + 1,
  ] as const;

export const depthwiseCases = {
  depthwiseConv2d: [
    ...sizes.map((size): OperationCase => {
      const { image, kernel, stride, padding } = size;
      return two(
        described(size),
        [uniform(image), uniform([image[1], 1, ...kernel])],
        (x, weight) => graph.depthwiseConv2d(x, weight, { stride, padding }),
        (x, weight) => reference.depthwiseConv2d(x, weight, stride, padding),
      );
    }),
    ...[3, 16].map((channels) =>
      three(
        `${channels} channels with a bias`,
        [uniform([2, channels, 4, 5]), uniform([channels, 1, 3, 3]), uniform([channels])],
        (x, weight, bias) => graph.depthwiseConv2d(x, weight, { bias, padding: 1 }),
        (x, weight, bias) => reference.depthwiseConv2d(x, weight, 1, [1, 1, 1, 1], bias),
      ),
    ),
  ],
  depthwiseConv2dInputGradient: sizes.map((size): OperationCase => {
    const { image, kernel, stride, padding } = size;
    const [batch, channels, ...inputSize] = image;
    return two(
      described(size),
      [uniform([batch, channels, ...resultOf(size)]), uniform([channels, 1, ...kernel])],
      (gradient, weight) =>
        graph.depthwiseConv2dInputGradient(gradient, weight, { stride, padding, inputSize }),
      (gradient, weight) =>
        reference.depthwiseConv2dInputGradient(gradient, weight, stride, padding, inputSize),
    );
  }),
  depthwiseConv2dWeightGradient: sizes.map((size): OperationCase => {
    const { image, kernel, stride, padding } = size;
    return two(
      described(size),
      [uniform(image), uniform([image[0], image[1], ...resultOf(size)])],
      (x, gradient) => graph.depthwiseConv2dWeightGradient(x, gradient, { stride, padding, kernel }),
      (x, gradient) => reference.depthwiseConv2dWeightGradient(x, gradient, stride, padding, kernel),
    );
  }),
  relu6: [
    one("[7, 50]", distinct([7, 50], 0.06), graph.relu6, (x) =>
      reference.map(x, (value) => Math.min(Math.max(value, 0), 6)),
    ),
    three(
      "after a convolution of blocked channels with a bias",
      [uniform([2, 16, 4, 5], -4, 4), uniform([16, 1, 3, 3], -2, 2), uniform([16], 0, 2)],
      (x, weight, bias) => graph.relu6(graph.depthwiseConv2d(x, weight, { bias, padding: 1 })),
      (x, weight, bias) =>
        reference.map(reference.depthwiseConv2d(x, weight, 1, [1, 1, 1, 1], bias), (value) =>
          Math.min(Math.max(value, 0), 6),
        ),
    ),
  ],
  relu6Gradient: [
    two("[3, 40]", [uniform([3, 40]), distinct([3, 40], 0.07)], graph.relu6Gradient, (gradient, result) =>
      reference.zip([gradient, result], (slope = 0, value = 0) => (value > 0 && value < 6 ? slope : 0)),
    ),
    two(
      "near both ends",
      [uniform([2, 4]), numbers([2, 4], [-2, 2e-3, 5.99, 9, 3, 0.5, -1, 7])],
      graph.relu6Gradient,
      (gradient, result) =>
        reference.zip([gradient, result], (slope = 0, value = 0) => (value > 0 && value < 6 ? slope : 0)),
    ),
  ],
} satisfies Partial<Record<graph.OperationName, readonly OperationCase[]>>;
