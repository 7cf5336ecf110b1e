import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { ancestors } from "../../src/graph/ancestors.js";
import {
  add,
  batchNorm,
  channelAffine,
  conv2d,
  device,
  elementCount,
  floatTensor,
  GraphSession,
  gradients,
  maxPool2d,
  multiply,
  parameter,
  relu,
  sum,
  type Value,
} from "../../src/graph/index.js";

/** A convolution and two residual blocks of one, each with affine map and ReLU, and a pooling between. */
function network() {
  const parameters = {
    image: parameter("image", [2, 3, 8, 8]),
    first: parameter("first", [4, 3, 3, 3]),
    factor: parameter("factor", [4]),
    shift: parameter("shift", [4]),
    second: parameter("second", [4, 4, 1, 1]),
    shortcut: parameter("shortcut", [4, 4, 1, 1]),
    third: parameter("third", [4, 4, 1, 1]),
    fourth: parameter("fourth", [4, 4, 1, 1]),
  };
  const { image, first, factor, shift, second, shortcut, third, fourth } = parameters;
  const early = relu(channelAffine(conv2d(image, first, { padding: 1 }), factor, shift));
  const pooled = maxPool2d(early, { kernel: 2, stride: 2, padding: 0 });
  const normalised = (x: Value, weight: Value) => batchNorm(conv2d(x, weight), factor, shift, 1e-5);
  const changed = relu(add(normalised(pooled, second), normalised(pooled, shortcut)));
  // Follows from the block before, so of the two only that one is computed again.
  const kept = relu(add(normalised(changed, third), changed));
  const last = relu(add(kept, normalised(kept, fourth)));
  return { parameters, loss: sum(multiply(last, last)) };
}

const activationBytes = 4 * (2 * 4 * 8 * 8 + 2 * (2 * 4 * 4 * 4));

async function gradientValues(keepAtMost?: number) {
  const { parameters, loss } = network();
  const slopes = gradients(loss, Object.values(parameters), keepAtMost === undefined ? {} : { keepAtMost });
  const entries = Object.keys(parameters).flatMap((name, index) => {
    const slope = slopes[index];
    return slope === undefined ? [] : [[`gradient of ${name}`, slope] as const];
  });
  const outputs: Record<string, Value> = Object.fromEntries(entries);
  const session = await GraphSession.create(outputs, device("cpu", 1));
  const feeds = Object.entries(parameters).map(([name, { shape }]) => [
    name,
    floatTensor(shape, deterministicUniform(name, elementCount(shape), -1, 1)),
  ]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.close();
  const waits = ancestors(Object.values(outputs)).filter(
    ({ source }) => source.kind === "operation" && source.operation.name === "zeroAfter",
  );
  return { results, waits: waits.length };
}

describe("activations computed again in the backward pass", () => {
  it("leave every gradient the same to the last bit", async () => {
    const [kept, again] = [await gradientValues(), await gradientValues(0)];
    expect(kept.waits).toBe(0);
    expect(again.waits).toBe(3);
    expect(Object.keys(again.results)).toHaveLength(8);
    expect(again.results).toEqual(kept.results);
  });

  it("are kept when they fit the limit", async () => {
    expect((await gradientValues(activationBytes)).waits).toBe(0);
    expect((await gradientValues(activationBytes - 1)).waits).toBe(3);
  });
});
