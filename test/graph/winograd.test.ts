import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import {
  add,
  conv2d,
  conv2dWeightGradient,
  decodeModel,
  device,
  elementCount,
  encodeGraph,
  floatsOf,
  floatTensor,
  GraphSession,
  gradients,
  input,
  multiply,
  parameter,
  sum,
  type Value,
} from "../../src/graph/index.js";
import type { LoweringTarget } from "../../src/graph/lowering.js";
import {
  type WinogradResult,
  winogradConvolution,
  winogradInputGradient,
  winogradPays,
  winogradWeightGradient,
} from "../../src/graph/operations/winograd.js";

interface Sizes {
  readonly image: readonly [number, number, number, number];
  readonly outputs: number;
  readonly padding: number;
}

/** Direct convolution and its gradients for a result gradient that is fed, and the same by Winograd's algorithm. */
function bothWays({ image, outputs, padding }: Sizes): Record<string, Value> {
  const x = input("x", image);
  const weight = input("weight", [outputs, image[1], 3, 3]);
  const direct = conv2d(x, weight, { padding });
  const forResult = input("gradient", direct.shape);
  const derivatives = (result: Value) => gradients(sum(multiply(result, forResult)), [x, weight]);
  const [forX, forWeight] = derivatives(direct).map(present);
  const winograd = winogradConvolution(x, weight, padding);
  const [differentiatedForX, differentiatedForWeight] = derivatives(winograd).map(present);
  return {
    result: direct,
    forX: present(forX),
    forWeight: present(forWeight),
    "result by Winograd": winograd,
    "forX by Winograd": winogradInputGradient(forResult, weight, padding, [image[2], image[3]]),
    "forWeight by Winograd": winogradWeightGradient(x, forResult, padding),
    "forX by differentiation": present(differentiatedForX),
    "forWeight by differentiation": present(differentiatedForWeight),
  };
}

function present(value: Value | undefined): Value {
  if (value === undefined) throw new RangeError("a gradient is missing");
  return value;
}

/** Runs with uniform random feeds. The direct convolutions stay direct when lowered for a GPU. */
async function run(outputs: Readonly<Record<string, Value>>, target: LoweringTarget) {
  const session = await GraphSession.create(outputs, device("cpu", 1), { target });
  const feeds = Object.fromEntries(
    [...session.inputs].map(([name, { shape }]) => [
      name,
      floatTensor(shape, deterministicUniform(name, elementCount(shape), -1, 1)),
    ]),
  );
  const results = await session.run(feeds);
  await session.close();
  return (name: string) => floatsOf(results, name);
}

/** The largest difference as a share of the largest number. */
function relativeError(actual: Float32Array, expected: Float32Array): number {
  expect(actual).toHaveLength(expected.length);
  let [error, largest] = [0, 0];
  expected.forEach((value, index) => {
    error = Math.max(error, Math.abs(value - (actual[index] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(value));
  });
  return error / largest;
}

describe("convolution by Winograd's algorithm", () => {
  it.each<Sizes>([
    { image: [2, 3, 8, 8], outputs: 4, padding: 1 },
    { image: [1, 2, 5, 7], outputs: 3, padding: 1 },
    { image: [3, 1, 9, 6], outputs: 1, padding: 0 },
    { image: [1, 4, 3, 10], outputs: 2, padding: 2 },
    { image: [2, 5, 1, 1], outputs: 3, padding: 1 },
    { image: [1, 96, 12, 12], outputs: 64, padding: 1 },
  ])("gives the direct one's result and gradients: $image to $outputs, padding $padding", async (sizes) => {
    const result = await run(bothWays(sizes), "gpu");
    for (const name of ["result", "forX", "forWeight"]) {
      expect(relativeError(result(`${name} by Winograd`), result(name)), name).toBeLessThan(4e-6);
    }
    for (const name of ["forX", "forWeight"]) {
      const [known, differentiated] = [result(`${name} by Winograd`), result(`${name} by differentiation`)];
      expect(relativeError(differentiated, known), `${name} by differentiation`).toBeLessThan(1e-6);
    }
  });
});

const CHANNELS = 128;
const IMAGE = [4, CHANNELS, 32, 32] as const;

/** A convolution with many channels that adds to its image, and its gradients. */
function wideBlock(image: readonly [number, number, number, number] = IMAGE) {
  const x = parameter("x", image);
  const weight = parameter("weight", [CHANNELS, CHANNELS, 3, 3]);
  const y = add(x, conv2d(x, weight, { padding: 1 }));
  const [forX, forWeight] = gradients(sum(multiply(y, y)), [x, weight]).map(present);
  return { x, weight, outputs: { y, forX: present(forX), forWeight: present(forWeight) } };
}

const operatorsOf = (...of: Parameters<typeof encodeGraph>) =>
  decodeModel(encodeGraph(...of).bytes).graph.node.map(({ opType }) => opType);

describe("where Winograd's algorithm is used", () => {
  it("is the CPU, for many channels, with the direct convolution's results", async () => {
    const { outputs } = wideBlock();
    expect(operatorsOf(outputs, { target: "cpu" })).not.toContain("Conv");
    expect(operatorsOf(outputs, { target: "cpu" })).not.toContain("FusedConv");
    expect(operatorsOf(outputs, { target: "gpu" })).toContain("Conv");
    const [winograd, again, direct] = [
      await run(outputs, "cpu"),
      await run(outputs, "cpu"),
      await run(outputs, "gpu"),
    ];
    for (const name of Object.keys(outputs)) {
      expect(relativeError(winograd(name), direct(name)), name).toBeLessThan(4e-6);
      expect(relativeError(again(name), winograd(name)), "again").toBe(0);
    }
  });

  it("is not where the weight is stored in the graph, or there is a bias, a stride, or float16", () => {
    const { x, weight, outputs } = wideBlock();
    const bind = new Map([["weight", floatTensor(weight.shape)]]);
    expect(operatorsOf({ y: outputs.y }, { bind })).toContain("Conv");
    expect(operatorsOf(outputs, { precision: "float16" })).toContain("Conv");
    const bias = parameter("bias", [CHANNELS]);
    expect(operatorsOf({ y: conv2d(x, weight, { padding: 1, bias }) })).toContain("Conv");
    expect(operatorsOf({ y: conv2d(x, weight, { padding: 1, stride: 2 }) })).toContain("Conv");
  });

  it("depends on channels and tiles", () => {
    const pays = (batch: number, channels: number, size: number, result: WinogradResult = "image") =>
      winogradPays({ batch, channels, outputs: channels, height: size, width: size }, result);
    expect(pays(16, 512, 16)).toBe(true);
    expect(pays(16, 128, 32)).toBe(true);
    expect(pays(16, 64, 64)).toBe(false);
    expect(pays(1, 512, 4)).toBe(false);
    expect(pays(16, 512, 1)).toBe(false);
    expect(pays(4, 64, 128)).toBe(false);
    expect(pays(4, 64, 128, "weightGradient")).toBe(false);
    expect(pays(4, 128, 64, "weightGradient")).toBe(true);
    expect(pays(2, 64, 32, "weightGradient")).toBe(true);
    expect(pays(4, 32, 64, "weightGradient")).toBe(false);
  });

  it("transforms images once for all, unless what is kept since the forward pass would be large", () => {
    const transforms = (outputs: Readonly<Record<string, Value>>) =>
      operatorsOf(outputs).filter((name) => name === "Transpose").length;
    // Image and result; the result's gradient and the image's.
    expect(transforms(wideBlock().outputs)).toBe(4);
    expect(transforms(wideBlock([16, CHANNELS, 64, 64]).outputs)).toBe(5);
    const [x, forResult] = [input("x", IMAGE), input("gradient", IMAGE)];
    const of = conv2dWeightGradient(x, forResult, { stride: 1, padding: 1, kernel: [3, 3] });
    expect(transforms({ of })).toBe(2);
  });
});
