import { describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import {
  absolute,
  add,
  addChannelAffine,
  batchNorm,
  broadcastTo,
  channelAffine,
  channelDot,
  channelMoments,
  channelScale,
  concat,
  constant,
  conv2d,
  conv2dWeightGradient,
  convTranspose2d,
  cos,
  type DataType,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
  divide,
  erf,
  exp,
  flippedWeights,
  gather,
  gradients,
  greater,
  input,
  isPositive,
  log,
  matmul,
  maximum,
  maxPool2d,
  maxPool2dGradient,
  maxPool2dIndices,
  mean,
  multiHeadAttention,
  multiply,
  negate,
  type OperationName,
  pad,
  registry,
  relu,
  relu6,
  relu6Gradient,
  reshape,
  type Shape,
  scatterAdd,
  sigmoid,
  sign,
  sin,
  slice,
  softmax,
  softplus,
  sqrt,
  subtract,
  sum,
  synchronised,
  takeRows,
  transpose,
  type Value,
  where,
  zeroAfter,
} from "../../src/graph/index.js";

/** A wrong use of an operation, and the shapes that its message must show. */
interface Misuse {
  build(): unknown;
  readonly shows: readonly string[];
}

const x = (shape: Shape, dataType?: DataType): Value => input("x", shape, dataType);

const misuse = (shows: readonly string[], build: () => unknown): Misuse => ({ build, shows });

const onIntegers = (operation: (operand: Value) => Value): readonly Misuse[] => [
  misuse(["int64[2, 3]"], () => operation(x([2, 3], "int64"))),
];

const onUnequal = (operation: (a: Value, b: Value) => Value): readonly Misuse[] => [
  misuse(["[2, 3]", "[2, 4]"], () => operation(x([2, 3]), x([2, 4]))),
  misuse(["float32[2]", "bool[2]"], () => operation(x([2]), x([2], "bool"))),
];

const window = { kernel: 3, stride: 2, padding: 0 };

const misuses: Record<OperationName, readonly Misuse[]> = {
  add: onUnequal(add),
  subtract: onUnequal(subtract),
  multiply: onUnequal(multiply),
  divide: onUnequal(divide),
  greater: onUnequal(greater),
  negate: onIntegers(negate),
  exp: onIntegers(exp),
  log: onIntegers(log),
  sqrt: onIntegers(sqrt),
  sin: onIntegers(sin),
  cos: onIntegers(cos),
  absolute: onIntegers(absolute),
  sign: onIntegers(sign),
  relu: onIntegers(relu),
  isPositive: onIntegers(isPositive),
  sigmoid: onIntegers(sigmoid),
  softplus: onIntegers(softplus),
  erf: onIntegers(erf),
  synchronised: onIntegers(synchronised),
  zeroAfter: [...onIntegers(zeroAfter), misuse(["float32[0, 2]"], () => zeroAfter(x([0, 2])))],
  where: [
    misuse(["[2, 3]", "[2, 4]"], () => where(x([2, 3], "bool"), x([2, 3]), x([2, 4]))),
    misuse(["float32[2]"], () => where(x([2]), x([2]), x([2]))),
    misuse(["float32[2]", "int64[2]"], () => where(x([2], "bool"), x([2]), x([2], "int64"))),
  ],
  // Every shape and type can be cast, so what is left to do wrong is the number of operands.
  cast: [
    misuse(["float32[2]", "float32[3]"], () => registry.cast.infer([x([2]), x([3])], { dataType: "bool" })),
  ],
  reshape: [
    misuse(["[2, 3]", "[4, 2]"], () => reshape(x([2, 3]), [4, 2])),
    misuse(["[2, 3]", "[4, 1.5]"], () => reshape(x([2, 3]), [4, -1])),
  ],
  transpose: [
    misuse(["[2, 3]", "[0, 2]"], () => transpose(x([2, 3]), [0, 2])),
    misuse(["[2, 3]", "[0]"], () => transpose(x([2, 3]), [0])),
  ],
  broadcastTo: [
    misuse(["[2, 3]", "[4, 3]"], () => broadcastTo(x([2, 3]), [4, 3])),
    misuse(["[2, 3]", "[3]"], () => broadcastTo(x([2, 3]), [3])),
  ],
  slice: [
    misuse(["[2, 3]", "1:4", "axis 1"], () => slice(x([2, 3]), [{ axis: 1, start: 1, end: 4 }])),
    misuse(["[5]", "5:0", "axis 0"], () => slice(x([5]), [{ axis: 0, start: 5, end: 0, step: -1 }])),
    misuse(["[2, 3]", "axis -1"], () => slice(x([2, 3]), [{ axis: -1, start: 0, end: 2 }])),
    misuse(["[2, 3]", "axis 2"], () => slice(x([2, 3]), [{ axis: 2, start: 0, end: 1 }])),
    misuse(["[4]", "axis 0"], () =>
      slice(x([4]), [
        { axis: 0, start: 0, end: 2 },
        { axis: 0, start: 1, end: 3 },
      ]),
    ),
  ],
  pad: [
    misuse(["[2, 3]"], () => pad(x([2, 3]), [{ axis: 1, before: -1, after: 0 }])),
    misuse(["[2, 3]", "axis 2"], () => pad(x([2, 3]), [{ axis: 2, before: 1, after: 0 }])),
    misuse(["[2, 3]", "axis -1"], () => pad(x([2, 3]), [{ axis: -1, before: 1, after: 0 }])),
  ],
  concat: [
    misuse(["[2, 3]", "[3, 3]"], () => concat([x([2, 3]), x([3, 3])], 1)),
    misuse(["float32[2]", "int64[2]"], () => concat([x([2]), x([2], "int64")], 0)),
    misuse(["[2]", "[3]", "axis 1"], () => concat([x([2]), x([3])], 1)),
    misuse(["axis 0"], () => concat([], 0)),
  ],
  sum: [
    misuse(["[2, 3]", "2"], () => sum(x([2, 3]), [2])),
    misuse(["[2, 3]", "-1"], () => sum(x([2, 3]), [-1])),
    misuse(["[2, 3]", "1, 1"], () => sum(x([2, 3]), [1, 1])),
    misuse(["bool[2]"], () => sum(x([2], "bool"))),
  ],
  mean: [
    misuse(["[2, 3]", "2"], () => mean(x([2, 3]), [2])),
    misuse(["int64[2]"], () => mean(x([2], "int64"))),
  ],
  maximum: [misuse(["[2, 3]", "2"], () => maximum(x([2, 3]), [2]))],
  softmax: [misuse(["[2, 3]", "2"], () => softmax(x([2, 3]), 2))],
  channelMoments: [misuse(["[2, 3, 4]"], () => channelMoments(x([2, 3, 4])))],
  channelAffine: [
    misuse(["[1, 3, 2, 2]", "[4]"], () => channelAffine(x([1, 3, 2, 2]), x([4]), x([4]))),
    misuse(["[1, 3, 2, 2]", "[3, 1]"], () => channelAffine(x([1, 3, 2, 2]), x([3, 1]), x([3]))),
    misuse(["[3, 2, 2]"], () => channelAffine(x([3, 2, 2]), x([3]), x([3]))),
  ],
  channelScale: [
    misuse(["[1, 3, 2, 2]", "[4]"], () => channelScale(x([1, 3, 2, 2]), x([4]))),
    misuse(["[3, 2, 2]"], () => channelScale(x([3, 2, 2]), x([3]))),
  ],
  addChannelAffine: [
    misuse(["[1, 3, 2, 2]", "[1, 3, 2, 1]"], () =>
      addChannelAffine(x([1, 3, 2, 2]), x([1, 3, 2, 1]), x([3]), x([3])),
    ),
    misuse(["[4]"], () => addChannelAffine(x([1, 3, 2, 2]), x([1, 3, 2, 2]), x([3]), x([4]))),
  ],
  batchNorm: [
    misuse(["[1, 3, 2, 2]", "[4]"], () => batchNorm(x([1, 3, 2, 2]), x([3]), x([4]), 1e-5)),
    misuse(["[3, 2, 2]"], () => batchNorm(x([3, 2, 2]), x([3]), x([3]), 1e-5)),
  ],
  channelDot: [
    misuse(["[1, 3, 2, 2]", "[1, 3, 2, 1]"], () => channelDot(x([1, 3, 2, 2]), x([1, 3, 2, 1]))),
    misuse(["[3, 2, 2]"], () => channelDot(x([3, 2, 2]), x([3, 2, 2]))),
  ],
  multiHeadAttention: [
    misuse(["[1, 2, 4]", "[2, 2, 4]"], () => multiHeadAttention(x([1, 2, 4]), x([2, 2, 4]), x([2, 2, 4]), 2)),
    misuse(["[1, 2, 4]", "3 heads"], () => multiHeadAttention(x([1, 2, 4]), x([1, 2, 4]), x([1, 2, 4]), 3)),
    misuse(["[2, 4]"], () => multiHeadAttention(x([2, 4]), x([2, 4]), x([2, 4]), 2)),
  ],
  matmul: [
    misuse(["[2, 3]", "[2, 4]"], () => matmul(x([2, 3]), x([2, 4]))),
    misuse(["[2, 3]", "[3, 4]"], () => matmul(x([2, 3]), x([3, 4]), { transposeB: true })),
    misuse(["[5, 2, 3]", "[4, 3, 2]"], () => matmul(x([5, 2, 3]), x([4, 3, 2]))),
    misuse(["[3]", "[3, 2]"], () => matmul(x([3]), x([3, 2]))),
  ],
  conv2d: [
    misuse(["[1, 3, 5, 5]", "[4, 2, 3, 3]"], () => conv2d(x([1, 3, 5, 5]), x([4, 2, 3, 3]))),
    misuse(["[1, 3, 2, 2]", "[4, 3, 3, 3]"], () => conv2d(x([1, 3, 2, 2]), x([4, 3, 3, 3]))),
    misuse(["[3, 5, 5]", "[4, 3, 3, 3]"], () => conv2d(x([3, 5, 5]), x([4, 3, 3, 3]))),
    misuse(["[1, 3, 5, 5]", "[4, 3, 9]"], () => conv2d(x([1, 3, 5, 5]), x([4, 3, 9]))),
    misuse(["[4, 3, 3, 3]", "[5]"], () => conv2d(x([1, 3, 5, 5]), x([4, 3, 3, 3]), { bias: x([5]) })),
  ],
  conv2dWeightGradient: [
    misuse(["[1, 3, 5, 5]", "[1, 2, 5, 4]", "3×3"], () =>
      conv2dWeightGradient(x([1, 3, 5, 5]), x([1, 2, 5, 4]), { stride: 1, padding: 1, kernel: [3, 3] }),
    ),
    misuse(["[1, 3, 5, 5]", "[2, 2, 5, 5]"], () =>
      conv2dWeightGradient(x([1, 3, 5, 5]), x([2, 2, 5, 5]), { stride: 1, padding: 1, kernel: [3, 3] }),
    ),
    misuse(["[3, 5, 5]"], () =>
      conv2dWeightGradient(x([3, 5, 5]), x([1, 2, 5, 5]), { stride: 1, padding: 1, kernel: [3, 3] }),
    ),
  ],
  convTranspose2d: [
    misuse(["[1, 3, 5, 5]", "[2, 4, 3, 3]"], () => convTranspose2d(x([1, 3, 5, 5]), x([2, 4, 3, 3]))),
    misuse(["[1, 3, 5, 5]", "[3, 4, 2, 2]", "12×10"], () =>
      convTranspose2d(x([1, 3, 5, 5]), x([3, 4, 2, 2]), { stride: 2, outputSize: [12, 10] }),
    ),
    misuse(["[3, 5, 5]", "[3, 4, 2, 2]"], () => convTranspose2d(x([3, 5, 5]), x([3, 4, 2, 2]))),
  ],
  depthwiseConv2d: [
    misuse(["[1, 3, 5, 5]", "[4, 1, 3, 3]"], () => depthwiseConv2d(x([1, 3, 5, 5]), x([4, 1, 3, 3]))),
    misuse(["[1, 3, 5, 5]", "[3, 3, 3, 3]"], () => depthwiseConv2d(x([1, 3, 5, 5]), x([3, 3, 3, 3]))),
    misuse(["[1, 3, 2, 2]", "[3, 1, 3, 3]"], () => depthwiseConv2d(x([1, 3, 2, 2]), x([3, 1, 3, 3]))),
    misuse(["[3, 5, 5]", "[3, 1, 3, 3]"], () => depthwiseConv2d(x([3, 5, 5]), x([3, 1, 3, 3]))),
    misuse(["[3, 1, 3, 3]", "[4]"], () =>
      depthwiseConv2d(x([1, 3, 5, 5]), x([3, 1, 3, 3]), { bias: x([4]) }),
    ),
    misuse(["0 is no stride"], () => depthwiseConv2d(x([1, 3, 5, 5]), x([3, 1, 3, 3]), { stride: 0 })),
    misuse(["0, -1, 0, 0 is no padding"], () =>
      depthwiseConv2d(x([1, 3, 5, 5]), x([3, 1, 3, 3]), { padding: [0, -1, 0, 0] }),
    ),
  ],
  depthwiseConv2dInputGradient: [
    misuse(["[1, 3, 5, 5]", "8×5", "6×3"], () =>
      depthwiseConv2dInputGradient(x([1, 3, 5, 5]), x([3, 1, 3, 3]), { inputSize: [8, 5] }),
    ),
    misuse(["[1, 3, 5, 5]", "[4, 1, 3, 3]"], () =>
      depthwiseConv2dInputGradient(x([1, 3, 5, 5]), x([4, 1, 3, 3]), { inputSize: [7, 7] }),
    ),
  ],
  depthwiseConv2dWeightGradient: [
    misuse(["[1, 3, 5, 5]", "[1, 3, 5, 4]", "3×3"], () =>
      depthwiseConv2dWeightGradient(x([1, 3, 5, 5]), x([1, 3, 5, 4]), { padding: 1, kernel: [3, 3] }),
    ),
    misuse(["[1, 3, 5, 5]", "[1, 4, 5, 5]"], () =>
      depthwiseConv2dWeightGradient(x([1, 3, 5, 5]), x([1, 4, 5, 5]), { padding: 1, kernel: [3, 3] }),
    ),
  ],
  relu6: onIntegers(relu6),
  relu6Gradient: onUnequal(relu6Gradient),
  flippedWeights: [
    misuse(["[3, 3, 3]"], () => flippedWeights(x([3, 3, 3]))),
    misuse(["[3]"], () => flippedWeights(x([3]))),
  ],
  maxPool2d: [
    misuse(["[1, 1, 2, 2]"], () => maxPool2d(x([1, 1, 2, 2]), window)),
    misuse(["[2, 2]"], () => maxPool2d(x([2, 2]), window)),
  ],
  maxPool2dGradient: [
    misuse(["[1, 1, 2, 2]"], () =>
      maxPool2dGradient(x([1, 1, 2, 2]), x([1, 1, 1, 1]), x([1, 1, 1, 1]), window),
    ),
    misuse(["[1, 1, 4, 4]", "pooled shape"], () =>
      maxPool2dGradient(x([1, 1, 4, 4]), x([1, 1, 4, 4]), x([1, 1, 2, 2]), window),
    ),
  ],
  maxPool2dIndices: [misuse(["[1, 1, 2, 2]"], () => maxPool2dIndices(x([1, 1, 2, 2]), window))],
  scatterAdd: [
    misuse(["[3]", "[4]"], () => scatterAdd(x([3]), x([4], "int64"), 9)),
    misuse(["float32[3]", "float32[3]"], () => scatterAdd(x([3]), x([3]), 9)),
  ],
  gather: [misuse(["float32[3]", "float32[2]"], () => gather(x([3]), x([2])))],
  takeRows: [
    misuse(["[2, 3]"], () => takeRows(x([2, 3]), [0])),
    misuse(["[1, 3, 2]", "row 3"], () => takeRows(x([1, 3, 2]), [0, 3])),
    misuse(["[1, 3, 2]", "row -1"], () => takeRows(x([1, 3, 2]), [-1])),
  ],
};

function thrownBy(build: () => unknown): unknown {
  try {
    build();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

describe("a wrong use of an operation", () => {
  it.each(Object.entries(misuses))("%s is refused with its name and the shapes", (name, each) => {
    expect(each.length).toBeGreaterThan(0);
    for (const { build, shows } of each) {
      const thrown = thrownBy(build);
      if (!isEpSamError(thrown, "shape")) expect.fail(`${name} for ${shows.join(", ")} threw ${thrown}`);
      expect(thrown.fields.where).toContain(name);
      for (const part of shows) expect(thrown.message).toContain(part);
    }
  });
});

describe("values", () => {
  it("refuses sizes that no tensor has", () => {
    for (const shape of [[-1], [1.5], [Number.NaN]]) {
      expect(
        isEpSamError(
          thrownBy(() => input("x", shape)),
          "shape",
        ),
      ).toBe(true);
    }
  });

  it("refuses a constant whose data do not fill its shape", () => {
    const data = new Float32Array(5);
    const thrown = thrownBy(() => constant({ dataType: "float32", shape: [2, 3], data }));
    expect(thrown).toMatchObject({ tag: "shape", message: expect.stringMatching(/5 elements.*\[2, 3\]/) });
  });

  it("refuses to differentiate anything but one number", () => {
    const w = input("w", [2, 3]);
    expect(thrownBy(() => gradients(w, [w]))).toMatchObject({
      tag: "shape",
      message: expect.stringContaining("[2, 3]"),
    });
  });
});
