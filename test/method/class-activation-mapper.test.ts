import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { EpSamError, RandomStream } from "../../src/common/index.js";
import { device, elementCount, type FloatTensor, floatTensor } from "../../src/graph/index.js";
import { applyDihedral, invertDihedral, type RgbImage } from "../../src/imaging/index.js";
import {
  ClassActivationMapper,
  type ClassifierForEvaluation,
  normaliseLevels,
  quantiseActivations,
} from "../../src/method/index.js";
import { classifierTensors, type ResNetAdlOptions } from "../../src/models/index.js";

const model: ResNetAdlOptions = { depth: 18, dropThreshold: 0.8, highFrequency: true };
const weights = new Map(
  classifierTensors(model).map(({ name, shape }) => {
    const positive = shape.length === 1 && !name.endsWith("bias") && !name.endsWith("mean");
    const [low, high] = positive ? [0.5, 1.5] : [-0.05, 0.05];
    return [name, floatTensor(shape, deterministicUniform(name, elementCount(shape), low, high))] as const;
  }),
);

function randomImage(width: number, height: number, seed: number): RgbImage {
  const random = new RandomStream(seed, "image");
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)) };
}

function classifier(
  width: number,
  height: number,
  of: ReadonlyMap<string, FloatTensor> = weights,
): ClassifierForEvaluation {
  return { model, weights: of, inputSize: { width, height }, device: device("cpu", 1) };
}

describe.each([
  ["a square", 64, 64],
  ["an oblong", 96, 64],
] as const)("activation map of %s image", (_, width, height) => {
  let mapper: ClassActivationMapper;
  beforeAll(async () => {
    mapper = await ClassActivationMapper.create(classifier(width, height), { layer: "layer4-first" });
  }, 60_000);
  afterAll(() => mapper.close());

  it("is a sixteenth of the image's size, from 0 to 1", async () => {
    const { levels, logit, probability } = await mapper.map(randomImage(width, height, 1));
    const map = normaliseLevels(levels);
    expect([map.width, map.height]).toEqual([width / 16, height / 16]);
    expect(levels.data.length).toBe(map.data.length);
    expect(Math.min(...map.data)).toBe(0);
    expect(Math.max(...map.data)).toBe(1);
    expect(probability).toBeCloseTo(1 / (1 + Math.exp(-logit)), 12);
  });

  it("looks at the upright image alone below a gate", async () => {
    const image = randomImage(width, height, 3);
    const full = await mapper.map(image);
    const below = await mapper.map(image, full.probability + 1e-6);
    expect([below.probability, below.logit]).toEqual([full.probability, full.logit]);
    expect([full.upright.width, full.upright.height]).toEqual([width / 16, height / 16]);
    expect(full.upright).toEqual(below.upright);
    expect(below.levels).toEqual(quantiseActivations(full.upright));
    expect(below.levels).not.toEqual(full.levels);
    expect(await mapper.map(image, full.probability)).toEqual(full);
  });

  it("turns with the image by half a turn", async () => {
    const image = randomImage(width, height, 2);
    const upright = await mapper.map(image);
    const turned = await mapper.map(applyDihedral(image, 2));
    expect(invertDihedral(turned.levels, 2)).toEqual(upright.levels);
  });

  it("resizes an image of another size", async () => {
    const { levels } = await mapper.map(randomImage(70, 50, 4));
    expect([levels.width, levels.height]).toEqual([width / 16, height / 16]);
  });
});

it("turns with a square image by a quarter turn", async () => {
  const mapper = await ClassActivationMapper.create(classifier(64, 64), { layer: "layer4-last" });
  const image = randomImage(64, 64, 5);
  const upright = await mapper.map(image);
  const turned = await mapper.map(applyDihedral(image, 1));
  expect(invertDihedral(turned.levels, 1)).toEqual(upright.levels);
  await mapper.close();
});

it("an activation map that is negative everywhere is empty, not a division by zero", async () => {
  const size = weights.get("fc.weight")?.shape ?? [];
  // Features come after a ReLU, so a negative head makes every activation negative.
  const negative = new Map(weights).set("fc.weight", floatTensor(size, new Float32Array(512).fill(-1)));
  const mapper = await ClassActivationMapper.create(classifier(64, 64, negative), { layer: "layer4-last" });
  const { levels, probability } = await mapper.map(randomImage(64, 64, 6));
  expect([...normaliseLevels(levels).data, ...levels.data].every((value) => value === 0)).toBe(true);
  expect(probability).toBeLessThan(0.5);
  await mapper.close();
});

it("averages over scales at the resolution of scale 1", async () => {
  const image = randomImage(64, 64, 7);
  const single = await ClassActivationMapper.create(classifier(64, 64), { layer: "layer4-first" });
  const several = await ClassActivationMapper.create(classifier(64, 64), {
    layer: "layer4-first",
    scales: [1.5, 1],
  });
  const one = await single.map(image);
  const both = await several.map(image);
  expect([both.levels.width, both.levels.height]).toEqual([4, 4]);
  expect(both.logit).toBe(one.logit);
  expect(both.levels).not.toEqual(one.levels);
  await Promise.all([single.close(), several.close()]);
});

describe("what cannot be run", () => {
  it("names a missing weight", async () => {
    const incomplete = new Map(weights);
    incomplete.delete("layer3.0.conv1.weight");
    const created = ClassActivationMapper.create(classifier(64, 64, incomplete), { layer: "layer4-first" });
    await expect(created).rejects.toMatchObject({ tag: "weights" });
    await expect(created).rejects.toThrow("layer3.0.conv1.weight");
  });

  it("names a weight of another depth", async () => {
    const other = new Map(weights).set("fc.weight", floatTensor([1, 2048]));
    const created = ClassActivationMapper.create(classifier(64, 64, other), { layer: "layer4-first" });
    await expect(created).rejects.toThrow("fc.weight");
  });

  it("needs a scale", async () => {
    const created = ClassActivationMapper.create(classifier(64, 64), { layer: "layer4-first", scales: [] });
    await expect(created).rejects.toThrow(EpSamError);
  });
});
