import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { ancestors } from "../../src/graph/ancestors.js";
import {
  add,
  batchNorm,
  conv2d,
  device,
  elementCount,
  floatTensor,
  GraphSession,
  gradients,
  input,
  maxPool2d,
  mean,
  multiply,
  parameter,
  relu,
  reshape,
  sigmoid,
  type Value,
} from "../../src/graph/index.js";
import { cutIntoSegments } from "../../src/graph/segments.js";

const BLOCKS = 6;
const CHANNELS = 4;

/** A stem with pooling and six residual blocks of a wide inside: narrow between blocks, so cuts belong there. */
function network() {
  const image = input("image", [2, 3, 12, 12]);
  const parameters: Record<string, Value> = {};
  const weight = (name: string, ...shape: number[]) => {
    const value = parameter(name, shape);
    parameters[name] = value;
    return value;
  };
  const normalised = (x: Value, name: string, outputs: number, inputs: number, kernel: number) =>
    batchNorm(
      conv2d(x, weight(`${name}.weight`, outputs, inputs, kernel, kernel), { padding: (kernel - 1) / 2 }),
      weight(`${name}.factor`, outputs),
      weight(`${name}.shift`, outputs),
      1e-5,
    );
  let x = relu(normalised(image, "stem", CHANNELS, 3, 3));
  x = maxPool2d(x, { kernel: 2, stride: 2, padding: 0 });
  const outputs: Value[] = [];
  for (let block = 0; block < BLOCKS; block++) {
    const wide = relu(normalised(x, `block${block}.wide`, 4 * CHANNELS, CHANNELS, 3));
    x = relu(add(normalised(wide, `block${block}.narrow`, CHANNELS, 4 * CHANNELS, 1), x));
    outputs.push(x);
  }
  const logits = reshape(mean(x, [1, 2, 3]), [2]);
  return { parameters, outputs, loss: mean(multiply(sigmoid(logits), logits)) };
}

async function gradientValues(segments: boolean) {
  const { parameters, loss } = network();
  const slopes = gradients(loss, Object.values(parameters), { segments });
  const outputs: Record<string, Value> = {};
  Object.keys(parameters).forEach((name, index) => {
    const slope = slopes[index];
    if (slope !== undefined) outputs[`gradient of ${name}`] = slope;
  });
  const session = await GraphSession.create(outputs, device("cpu", 1));
  const feeds = [...session.inputs].map(([name, { shape }]) => [
    name,
    floatTensor(shape, deterministicUniform(name, elementCount(shape), -1, 1)),
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.close();
  const operations = ancestors(Object.values(outputs)).flatMap(({ source }) =>
    source.kind === "operation" ? [source.operation.name] : [],
  );
  const count = (name: string) => operations.filter((each) => each === name).length;
  return { results, waits: count("zeroAfter"), activations: count("relu") };
}

describe("gradient checkpointing by segment", () => {
  it("gives every gradient to the last bit", async () => {
    const [plain, checkpointed] = [await gradientValues(false), await gradientValues(true)];
    expect(plain.waits).toBe(0);
    // One wait for each segment but the last, which is kept.
    expect(checkpointed.waits).toBeGreaterThanOrEqual(2);
    expect(Object.keys(checkpointed.results)).toHaveLength(3 * (1 + 2 * BLOCKS));
    expect(checkpointed.results).toEqual(plain.results);
  });

  it("computes again what it does not keep", async () => {
    const activations = 1 + 2 * BLOCKS;
    expect((await gradientValues(false)).activations).toBe(activations);
    const again = (await gradientValues(true)).activations - activations;
    expect(again).toBeGreaterThan(activations / 3);
    expect(again).toBeLessThan(activations);
  });
});

describe("cuts", () => {
  const operations = (loss: Value) => ancestors([loss]).filter(({ source }) => source.kind === "operation");

  it("lie where little crosses them, between residual blocks", () => {
    const { loss, outputs } = network();
    const values = operations(loss);
    const segments = cutIntoSegments(values);
    const crossing = values.filter((value, position) =>
      values
        .slice(position + 1)
        .some(
          (later) =>
            later.source.kind === "operation" &&
            later.source.inputs.includes(value) &&
            segments.get(later) !== segments.get(value),
        ),
    );
    const narrow = new Set(outputs);
    expect(crossing.length).toBeGreaterThan(1);
    expect(crossing.filter((value) => elementCount(value.shape) > 2 * CHANNELS * 36)).toEqual([]);
    expect(crossing.some((value) => narrow.has(value))).toBe(true);
  });

  it("are numbered in the order of the values", () => {
    const values = operations(network().loss);
    const numbers = [...cutIntoSegments(values).values()];
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers[0]).toBe(0);
    expect(new Set(numbers).size).toBe((numbers.at(-1) ?? -1) + 1);
  });

  it("are not made where keeping all costs no more", () => {
    const x = relu(input("x", [4]));
    expect([...cutIntoSegments([x]).values()]).toEqual([0]);
  });
});
