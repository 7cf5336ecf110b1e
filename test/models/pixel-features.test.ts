import { describe, expect, it } from "vitest";
import { must, RandomStream } from "../../src/common/index.js";
import {
  device,
  floatsOf,
  floatTensor,
  GraphSession,
  type HostTensors,
  input,
} from "../../src/graph/index.js";
import {
  asOwnBackbone,
  attentionDropoutLayerCount,
  type BackboneEntry,
  BackboneFeatures,
  backbone,
  backbones,
  backboneTensors,
  colourPlanes,
  denseImagesInput,
  dropDrawInput,
  joinFeatures,
  type LevelStride,
  pixelFeatures,
  placedBackbone,
  type StateDict,
  withContext,
} from "../../src/models/index.js";
import { frozenParameters } from "../../src/nn/index.js";

const cpu = device("cpu", 1);

/** Weights with which values neither vanish nor explode. */
function madeUpWeights(entry: BackboneEntry, highFrequency = false): StateDict {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return new Map(
    backboneTensors(entry, { highFrequency }).map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const spread = shape.length === 4 ? Math.sqrt((6 * (shape[0] ?? 1)) / count) : 0.1;
      const centre = /running_var$|(bn\d?|_bn\d|downsample\.1)\.weight$/.test(name) ? 1 : 0;
      const data = Float32Array.from({ length: count }, () => centre + spread * uniform());
      return [name, floatTensor(shape, data)] as const;
    }),
  );
}

/** The deepest is of the same parts as the one before it, and takes long here. */
const tried = backbones
  .filter(({ name }) => name !== "resnet-50")
  .map((entry) => [entry.name, entry] as const);

function noise(side: number, seed = 0) {
  const stream = new RandomStream(seed, "noise");
  const data = Uint8Array.from({ length: side * side * 3 }, () => stream.integer(256));
  return { width: side, height: side, data };
}

function largestError(actual: Float32Array, expected: Float32Array): number {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(actual.length).toBe(expected.length);
  return actual.reduce((most, value, at) => Math.max(most, Math.abs(value - (expected[at] ?? 0))), 0) / scale;
}

describe.each(tried)("features of pixels by %s", (_, entry) => {
  it.each([
    [false, 75, []],
    [true, 75, [3, 9]],
    [false, 64, [3]],
  ] as const)(
    "are those of frozen networks (high frequency %s, %i pixels, context %j)",
    async (high, side, context) => {
      const weights = madeUpWeights(entry, high);
      const images = [noise(side), noise(side, 1)];
      const frozen = await BackboneFeatures.create({
        entry,
        weights,
        width: side,
        height: side,
        device: cpu,
      });
      const expected: number[] = [];
      for (const image of images) {
        const [levels = []] = await frozen.compute([image]);
        expected.push(...withContext(joinFeatures(levels), context).data);
      }
      await frozen.close();
      const placed = placedBackbone(entry, asOwnBackbone(weights));
      const features = pixelFeatures({ backbone: placed, batchSize: 2, side, context });
      const session = await GraphSession.create({ features }, cpu);
      expect([...session.inputs.keys()]).toEqual([denseImagesInput]);
      const results = await session.run({ [denseImagesInput]: colourPlanes(images) });
      await session.close();
      expect(largestError(floatsOf(results, "features"), Float32Array.from(expected))).toBeLessThan(1e-5);
    },
  );

  it("have attention dropout where it is asked for alone", async () => {
    const plain = await levelsOf(entry, undefined, 0);
    for (const drops of [1, 0]) {
      const changed = await levelsOf(entry, 0.8, drops);
      expect(largestError(changed(16), plain(16))).toBeGreaterThan(1e-3);
    }
  });
});

/** The levels of an image, with layers that drop or weight where there is a threshold. */
async function levelsOf(
  entry: BackboneEntry,
  dropThreshold: number | undefined,
  drops: number,
): Promise<(stride: LevelStride) => Float32Array> {
  const side = 48;
  const lookup = frozenParameters(madeUpWeights(entry));
  const shown = input("images", [1, 3, side, side]);
  const levels = entry.features(shown, { get: lookup, buffer: lookup }, { dropThreshold });
  const outputs = Object.fromEntries(
    Object.entries(levels).flatMap(([stride, level]) => (level === undefined ? [] : [[stride, level]])),
  );
  const session = await GraphSession.create(outputs, cpu);
  expect(session.inputs.has(dropDrawInput)).toBe(dropThreshold !== undefined);
  const data = new Uint8Array(attentionDropoutLayerCount).fill(drops);
  const draws: HostTensors = { [dropDrawInput]: { dataType: "bool", shape: [data.length], data } };
  const results = await session.run({
    images: colourPlanes([noise(side)]),
    ...(dropThreshold === undefined ? {} : draws),
  });
  await session.close();
  return (stride) => floatsOf(results, `${stride}`);
}

describe("attention dropout of EfficientNet-Lite0", () => {
  it.each([
    ["drops", 1],
    ["weights", 0],
  ] as const)("%s the cells of the finest level by their mean over channels", async (_, drops) => {
    const entry = backbone("efficientnet-lite0");
    const plain = (await levelsOf(entry, undefined, 0))(4);
    const changed = (await levelsOf(entry, 0.8, drops))(4);
    const cells = plain.length / 24;
    const attention = Array.from({ length: cells }, (_value, cell) =>
      plain.reduce((sum, value, at) => (at % cells === cell ? sum + value / 24 : sum), 0),
    );
    const limit = 0.8 * Math.max(...attention);
    const factors = attention.map((value) =>
      drops === 1 ? Number(value < limit) : 1 / (1 + Math.exp(-value)),
    );
    const expected = plain.map((value, at) => value * (factors[at % cells] ?? 0));
    expect(largestError(changed, expected)).toBeLessThan(1e-5);
    expect(new Set(factors).size).toBeGreaterThan(1);
  });
});

describe("the stage of a backbone's tensor", () => {
  it.each([
    [
      "efficientnet-lite0",
      { _conv_stem: 2, _bn0: 2, "_blocks.0": 2, "_blocks.2": 4, "_blocks.3": 8, "_blocks.10": 16 },
    ],
    ["resnet-18", { conv1: 2, bn1: 2, layer1: 4, layer2: 8, layer3: 16, layer4: 16 }],
  ] as const)("of %s is known for every one", (name, some) => {
    const entry = backbone(name);
    const strides = backboneTensors(entry).map(
      (tensor) => [tensor.name, entry.strideOf(tensor.name)] as const,
    );
    for (const [prefix, stride] of Object.entries(some)) {
      const own = strides.filter(([tensor]) => tensor.startsWith(`${prefix}.`));
      expect(own.length, prefix).toBeGreaterThan(0);
      for (const [tensor, found] of own) expect(found, tensor).toBe(stride);
    }
  });

  it.each(tried)("of %s is that of the level which depends on it and of no finer one", (_, entry) => {
    const asked = new Map<number, Set<string>>();
    const names: string[] = [];
    const lookup = frozenParameters(madeUpWeights(entry));
    const get = (name: string, shape: readonly number[]) => {
      names.push(name);
      return lookup(name, shape);
    };
    entry.features(input("images", [1, 3, 32, 32]), { get, buffer: get }, {});
    for (const name of names) {
      const stride = entry.strideOf(name);
      asked.set(stride, (asked.get(stride) ?? new Set()).add(name));
    }
    // Layers ask in the order in which images pass them, so that strides never fall.
    const order = names.map((name) => entry.strideOf(name));
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect([...asked.keys()]).toEqual([2, ...entry.levels.map(({ stride }) => stride)]);
    expect(must(asked, 16, "stage").size).toBeGreaterThan(10);
  });
});
