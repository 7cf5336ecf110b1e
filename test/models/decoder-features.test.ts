import { beforeAll, describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { RandomStream } from "../../src/common/index.js";
import {
  add,
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  gradients,
  type HostTensors,
} from "../../src/graph/index.js";
import {
  createSamFrame,
  decoderGraph,
  decoderInputs,
  FEATURE_STRIDES,
  type FeatureLevelSizes,
  featureInput,
  featureProjectionShapes,
  initialPyramidWeights,
  loadMinisamDecoder,
  promptFeeds,
  pyramidGraph,
  pyramidInputs,
  type StateDict,
} from "../../src/models/index.js";

const PATCH = { width: 64, height: 64 };
const levels: FeatureLevelSizes = {
  4: { channels: 2, width: 16, height: 16 },
  8: { channels: 3, width: 8, height: 8 },
  16: { channels: 4, width: 4, height: 4 },
};
const channels = { 4: 2, 8: 3, 16: 4 } as const;
const frame = createSamFrame(PATCH);
const mask = { ...PATCH, data: deterministicUniform("mask", 64 * 64, -4, 4) };
const prompt = {
  points: { space: "patch", coordinates: Float32Array.of(20, 30), labels: Float32Array.of(1) },
  mask,
} as const;

let sam: StateDict;
beforeAll(async () => {
  sam = await loadMinisamDecoder();
});

const embedding = floatTensor([1, 256, 64, 64], deterministicUniform("embedding", 256 * 64 * 64, -0.5, 0.5));

function featureFeeds(batch = 1): HostTensors {
  return Object.fromEntries(
    FEATURE_STRIDES.map((stride) => {
      const { channels: count, width, height } = levels[stride];
      const shape = [batch, count, height, width];
      const elements = batch * count * width * height;
      return [
        featureInput(stride),
        floatTensor(shape, deterministicUniform(`level ${stride}`, elements, -1, 1)),
      ];
    }),
  );
}

/** SAM's weights with projections of the features. */
function withProjections(value: (name: string, index: number) => number): Map<string, FloatTensor> {
  const projections = featureProjectionShapes(channels).map(({ name, shape }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length: count }, (_, index) => value(name, index));
    return [`mask_decoder.${name}`, floatTensor(shape, data)] as const;
  });
  return new Map([...sam, ...projections]);
}

async function logitsOf(weights: StateDict, options: { readonly features?: FeatureLevelSizes }) {
  const graph = decoderGraph(weights, frame, { batchSize: 1, points: 1, maskPrompt: true, ...options });
  const session = await GraphSession.create({ logits: graph.logits }, device("cpu", 1), { bind: weights });
  const feeds = { ...promptFeeds([prompt], frame, { points: 1, maskPrompt: true }) };
  const seen = options.features === undefined ? {} : featureFeeds();
  const results = await session.run({ ...feeds, ...seen, [decoderInputs.embedding]: embedding });
  await session.close();
  return floatsOf(results, "logits");
}

describe("a mask decoder that sees features", () => {
  it("is SAM to the bit while its projections are zero, and differs when any level's is not", async () => {
    const plain = await logitsOf(sam, {});
    expect(
      await logitsOf(
        withProjections(() => 0),
        { features: levels },
      ),
    ).toEqual(plain);
    for (const stride of FEATURE_STRIDES) {
      const one = withProjections((name) => (name === `feature_projections.${stride}.weight` ? 0.5 : 0));
      expect(await logitsOf(one, { features: levels }), `level ${stride}`).not.toEqual(plain);
    }
  });

  it("adds a level where it is: a feature in one corner changes the logits of that corner most", async () => {
    const corner = floatTensor([1, 2, 16, 16], new Float32Array(2 * 256));
    // Rows 12–15 and columns 0–3: lower left.
    for (let y = 12; y < 16; y++) corner.data.fill(1, y * 16, y * 16 + 4);
    const weights = withProjections((name) => (name === "feature_projections.4.weight" ? 3 : 0));
    const graph = decoderGraph(weights, frame, {
      batchSize: 1,
      points: 1,
      maskPrompt: true,
      features: levels,
    });
    const session = await GraphSession.create({ logits: graph.logits }, device("cpu", 1), { bind: weights });
    const base = {
      ...promptFeeds([prompt], frame, { points: 1, maskPrompt: true }),
      ...featureFeeds(),
      [decoderInputs.embedding]: embedding,
    };
    const nothing = floatTensor([1, 2, 16, 16]);
    const before = floatsOf(await session.run({ ...base, [featureInput(4)]: nothing }), "logits");
    const after = floatsOf(await session.run({ ...base, [featureInput(4)]: corner }), "logits");
    await session.close();
    const change = (left: number, top: number) => {
      let sum = 0;
      for (let y = top; y < top + 16; y++) {
        for (let x = left; x < left + 16; x++)
          sum += Math.abs((after[y * 64 + x] ?? 0) - (before[y * 64 + x] ?? 0));
      }
      return sum;
    };
    expect(change(0, 48)).toBeGreaterThan(0);
    for (const [x, y] of [
      [0, 0],
      [48, 0],
      [48, 48],
      [24, 24],
    ] as const) {
      expect(change(x, y)).toBe(0);
    }
  });

  it("is prompted by a mask alone, and by none where it is left out", async () => {
    const options = { batchSize: 2, points: 0, maskPrompt: true, optionalMask: true } as const;
    const graph = decoderGraph(sam, frame, options);
    const session = await GraphSession.create({ logits: graph.logits }, device("cpu", 1), { bind: sam });
    const pair = floatTensor([2, 256, 64, 64], twice(embedding.data));
    const feeds = promptFeeds([prompt, prompt], frame, { points: 0, maskPrompt: true });
    const run = async (present: readonly [number, number]) =>
      floatsOf(
        await session.run({
          ...feeds,
          [decoderInputs.embedding]: pair,
          [decoderInputs.hasMask]: floatTensor([2, 1, 1, 1], Float32Array.from(present)),
        }),
        "logits",
      );
    const both = await run([1, 1]);
    const first = await run([1, 0]);
    await session.close();
    const size = PATCH.width * PATCH.height;
    expect(both.subarray(0, size)).toEqual(both.subarray(size));
    expect(first.subarray(0, size)).toEqual(both.subarray(0, size));
    expect(first.subarray(size)).not.toEqual(both.subarray(size));
  });
});

function twice(data: Float32Array): Float32Array {
  const joined = new Float32Array(2 * data.length);
  joined.set(data);
  joined.set(data, data.length);
  return joined;
}

describe("the feature pyramid", () => {
  it("has the gradients of its loss, and leaves out pixels of weight zero", async () => {
    const graph = pyramidGraph(1, levels, PATCH);
    const weights = initialPyramidWeights(levels, (name) => new RandomStream(2, name));
    const names = [...graph.parameters.all().keys()];
    const loss = add(graph.losses.crossEntropy, graph.losses.dice);
    const derived = gradients(
      loss,
      names.map((name) => graph.parameters.all().get(name) ?? expect.unreachable()),
    );
    const outputs = Object.fromEntries(
      names.map((name, index) => [`gradient of ${name}`, derived[index] ?? expect.unreachable()]),
    );
    const session = await GraphSession.create({ loss, logits: graph.logits, ...outputs }, device("cpu", 1));
    const target = Float32Array.from({ length: 256 }, (_, index) => (index % 3 === 0 ? 1 : 0));
    const pixelWeights = Float32Array.from({ length: 256 }, (_, index) => (index < 128 ? 1 : 0));
    const feeds = {
      ...featureFeeds(),
      [pyramidInputs.target]: floatTensor([1, 16, 16], target),
      [pyramidInputs.weights]: floatTensor([1, 16, 16], pixelWeights),
    };
    const run = async (changed: ReadonlyMap<string, FloatTensor>, more: HostTensors = {}) =>
      session.run({ ...feeds, ...Object.fromEntries(changed), ...more });
    const results = await run(weights);
    expect(floatsOf(results, "logits")).toHaveLength(64 * 64);
    for (const [name, tensor] of weights) {
      const derivative = floatsOf(results, `gradient of ${name}`);
      const element = derivative.reduce(
        (best, value, at) => (Math.abs(value) > Math.abs(derivative[best] ?? 0) ? at : best),
        0,
      );
      const moved = async (by: number) => {
        const data = Float32Array.from(tensor.data);
        data[element] = (data[element] ?? 0) + by;
        return (
          floatsOf(await run(new Map(weights).set(name, floatTensor(tensor.shape, data))), "loss")[0] ??
          Number.NaN
        );
      };
      const numeric = ((await moved(2e-3)) - (await moved(-2e-3))) / 4e-3;
      const exact = derivative[element] ?? Number.NaN;
      expect(Math.abs(numeric - exact), name).toBeLessThan(0.03 * Math.abs(exact) + 2e-4);
    }
    const other = target.map((value, index) => (index < 128 ? value : 1 - value));
    const unseen = await run(weights, { [pyramidInputs.target]: floatTensor([1, 16, 16], other) });
    expect(floatsOf(unseen, "loss")).toEqual(floatsOf(results, "loss"));
    await session.close();
  });
});
