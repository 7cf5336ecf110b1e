import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  constant,
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  gradients,
  input,
  multiply,
  sum,
} from "../../src/graph/index.js";
import { type RgbImage, readRgbImage } from "../../src/imaging/index.js";
import {
  BackboneFeatures,
  backbone,
  backbones,
  backboneTensors,
  identifyBackbone,
  loadBackboneWeights,
  readSafetensors,
  type StateDict,
  writeSafetensors,
} from "../../src/models/index.js";
import { ParameterSet } from "../../src/nn/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

const cpu = device("cpu", 2);
const lite0 = backbone("efficientnet-lite0");

let directory = "";
let weights: StateDict = new Map();
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "backbones-"));
  ({ weights } = await loadBackboneWeights(lite0));
});
afterAll(() => rm(directory, { recursive: true }));

/** Largest difference, relative to the largest expected number. */
function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let [error, largest] = [0, 0];
  for (let index = 0; index < expected.length; index++) {
    const should = expected[index] ?? Number.NaN;
    const difference = Math.abs((actual[index] ?? Number.NaN) - should);
    if (!(difference <= error)) error = difference;
    largest = Math.max(largest, Math.abs(should));
  }
  return error / largest;
}

function noise(width: number, height: number, seed = 1): RgbImage {
  let state = seed;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, data };
}

/** Small weights that differ, so that no layer is dead. */
const made = (tensors: ReturnType<typeof backboneTensors>): Map<string, FloatTensor> =>
  new Map(
    tensors.map(({ name, shape }, index) => {
      const tensor = floatTensor(shape);
      for (let at = 0; at < tensor.data.length; at++) {
        const positive = name.endsWith("running_var") || (shape.length === 1 && name.endsWith("weight"));
        tensor.data[at] = positive ? 1 : ((((at + index) * 37) % 101) - 50) / 400;
      }
      return [name, tensor];
    }),
  );

async function written(name: string, tensors: ReadonlyMap<string, FloatTensor>): Promise<string> {
  const path = join(directory, name);
  await writeSafetensors(path, tensors);
  return path;
}

const GOLDEN = "golden/efficientnet_lite0.safetensors";
const GOLDEN_IMAGE = "golden/efficientnet_lite0_input.png";

describeWithShared("EfficientNet-Lite0 as PyTorch computes it", [GOLDEN, GOLDEN_IMAGE], () => {
  const golden = () => readSafetensors(sharedPath(GOLDEN));
  const image = () => readRgbImage(sharedPath(GOLDEN_IMAGE));

  // Measured: 1.5e-6 to 2.3e-6.
  it("gives its features of strides 4, 8 and 16 within 1e-5", async () => {
    const { tensors } = await golden();
    const picture = await image();
    const extractor = await BackboneFeatures.create({ entry: lite0, weights, ...picture, device: cpu });
    const [maps = []] = await extractor.compute([picture]);
    await extractor.close();
    expect(maps.map(({ stride }) => stride)).toEqual([4, 8, 16]);
    for (const { stride, channels, height, width, data } of maps) {
      const expected = tensors.get(`stride${stride}`);
      expect([1, channels, height, width]).toEqual(expected?.shape);
      const error = relativeError(data, Array.from(expected?.data ?? [], Number));
      expect(error, `stride ${stride}`).toBeLessThan(1e-5);
    }
  });

  it("gives the same features while its weights train, and the golden gradients", async () => {
    const { tensors } = await golden();
    const picture = await image();
    const parameters = new ParameterSet();
    const images = input("images", [1, 3, picture.height, picture.width]);
    const levels = lite0.features(images, parameters, {});
    const level = levels[16];
    if (level === undefined) throw new RangeError("no level of stride 16");
    const slope = floatTensor(level.shape);
    const count = slope.data.length;
    for (let at = 0; at < count; at++) slope.data[at] = -1 + (2 * at) / (count - 1);
    const wanted = [...tensors.keys()].filter((name) => name.startsWith("grad/"));
    expect(wanted.length).toBe(5);
    const values = wanted.map((name) => parameters.get(name.slice(5), tensors.get(name)?.shape ?? []));
    const slopes = gradients(sum(multiply(level, constant(slope))), values);
    const outputs = { level, ...Object.fromEntries(wanted.map((name, at) => [name, slopes[at] ?? level])) };
    const session = await GraphSession.create(outputs, cpu);
    const batch = floatTensor(images.shape);
    const pixels = picture.width * picture.height;
    picture.data.forEach((value, at) => {
      batch.data[(at % 3) * pixels + Math.floor(at / 3)] = value;
    });
    const results = await session.run({ images: batch, ...Object.fromEntries(weights) });
    await session.close();
    const stride16 = Array.from(tensors.get("stride16")?.data ?? [], Number);
    expect(relativeError(floatsOf(results, "level"), stride16)).toBeLessThan(1e-5);
    for (const name of wanted) {
      const error = relativeError(floatsOf(results, name), Array.from(tensors.get(name)?.data ?? [], Number));
      // Measured: 0.4e-6 to 1.5e-6, and 3.8e-4 for the first convolution, where PyTorch's own float32 is 7.5e-4 from its
      // float64: values next to the ends of a ReLU6 fall on either side.
      expect(error, name).toBeLessThan(name === "grad/_conv_stem.weight" ? 1e-3 : 1e-5);
    }
  });
});

describe("backbones", () => {
  it.each(backbones.map((entry) => [entry.name, entry] as const))(
    "%s has the levels that its entry says, for any size of image",
    (_name, entry) => {
      const levels = entry.features(input("images", [2, 3, 75, 101]), new ParameterSet(), {});
      const shapes = entry.levels.map(({ stride }) => levels[stride]?.shape);
      const expected = entry.levels.map(({ stride, channels }) => [
        2,
        channels,
        Math.ceil(75 / stride),
        Math.ceil(101 / stride),
      ]);
      expect(shapes).toEqual(expected);
    },
  );

  it("are refused by names that are none", () => {
    expect(() => backbone("resnet-34")).toThrowError(
      /"resnet-34" is not a backbone[\s\S]*efficientnet-lite0/,
    );
  });

  it("give each image of a batch what it has alone, and the levels that were asked for", async () => {
    const images = [noise(70, 45), noise(70, 45, 9)];
    const size = { entry: lite0, weights, width: 70, height: 45, device: cpu };
    const together = await BackboneFeatures.create({ ...size, batchSize: 2, levels: [16, 4] });
    const alone = await BackboneFeatures.create(size);
    const both = await together.compute(images);
    for (const [index, image] of images.entries()) {
      const [own] = await alone.compute([image]);
      expect(both[index]?.map(({ stride }) => stride)).toEqual([4, 16]);
      for (const map of both[index] ?? []) {
        const same = own?.find(({ stride }) => stride === map.stride);
        expect([map.width, map.height]).toEqual([Math.ceil(70 / map.stride), Math.ceil(45 / map.stride)]);
        expect(relativeError(map.data, same?.data ?? [])).toBeLessThan(1e-5);
      }
    }
    await expect(alone.compute(images)).rejects.toThrowError(/2 images.*1/);
    await expect(alone.compute([noise(64, 45)])).rejects.toThrowError(/64×45.*70×45/);
    await Promise.all([together.close(), alone.close()]);
  });

  it("keep their features when a high-frequency channel with zero weights is added", async () => {
    const wide = await loadBackboneWeights(lite0, undefined, { highFrequency: true });
    expect(wide.weights.get("_conv_stem.weight")?.shape).toEqual([32, 4, 3, 3]);
    const image = noise(48, 64);
    const size = { entry: lite0, width: 48, height: 64, device: cpu, levels: [16] as const };
    const plain = await BackboneFeatures.create({ ...size, weights });
    const widened = await BackboneFeatures.create({ ...size, weights: wide.weights });
    const [[expected] = []] = await plain.compute([image]);
    const [[actual] = []] = await widened.compute([image]);
    expect(relativeError(actual?.data ?? [], expected?.data ?? [])).toBeLessThan(1e-5);
    await Promise.all([plain.close(), widened.close()]);
  });
});

describe("weights of backbones", () => {
  it("are those of EfficientNet-Lite0 in the package", () => {
    expect(weights.size).toBe(165);
    expect([...weights.values()].reduce((total, { data }) => total + data.length, 0)).toBe(716_928);
  });

  it("are taken from a whole checkpoint of EfficientNet-Lite0; what lies beyond is listed", async () => {
    const path = await written(
      "whole.safetensors",
      new Map([
        ...weights,
        ["_blocks.11._bn0.weight", floatTensor([672])],
        ["_conv_head.weight", floatTensor([1280, 320, 1, 1])],
        ["_fc.bias", floatTensor([1000])],
        ["_bn0.num_batches_tracked", floatTensor([1])],
      ]),
    );
    const loaded = await identifyBackbone(path);
    expect(loaded.entry).toBe(lite0);
    expect([...loaded.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    expect(loaded.leftOut.flatMap(({ names }) => names)).toEqual([
      "_bn0.num_batches_tracked",
      "_blocks.* (1 tensor)",
      "_conv_head.* (1 tensor)",
      "_fc.* (1 tensor)",
    ]);
  });

  it("are taken from torchvision's ResNet-18, whose blocks are numbered without dropout layers", async () => {
    const entry = backbone("resnet-18");
    const tensors = made(backboneTensors(entry));
    const torchvision = new Map(
      [...tensors].map(([name, tensor]) => [
        name.replace(/^(layer[34])\.(\d)\./, (_all, layer, index) => `${layer}.${Math.max(0, index - 1)}.`),
        tensor,
      ]),
    );
    const path = await written(
      "resnet18.safetensors",
      new Map([...torchvision, ["fc.weight", floatTensor([1000, 512])], ["fc.bias", floatTensor([1000])]]),
    );
    const loaded = await identifyBackbone(path);
    expect(loaded.entry).toBe(entry);
    expect([...loaded.weights.keys()]).toEqual([...tensors.keys()]);
    expect(loaded.leftOut.map(({ why }) => why)).toEqual(["layers beyond the last level of features"]);
    const extractor = await BackboneFeatures.create({
      entry,
      weights: loaded.weights,
      width: 64,
      height: 32,
      device: cpu,
    });
    const [maps = []] = await extractor.compute([noise(64, 32)]);
    await extractor.close();
    expect(maps.map(({ channels, width, height }) => [channels, width, height])).toEqual([
      [64, 16, 8],
      [128, 8, 4],
      [512, 4, 2],
    ]);
    for (const { data } of maps) expect(data.some((value) => value !== 0)).toBe(true);
  });

  it("are refused when a tensor is missing, surplus, of another shape, or all are strange", async () => {
    const without = new Map(weights);
    without.delete("_blocks.7._bn1.bias");
    await expect(identifyBackbone(await written("missing.safetensors", without))).rejects.toThrowError(
      /1 missing: _blocks\.7\._bn1\.bias/,
    );
    const surplus = new Map([...weights, ["_blocks.3._se_reduce.weight", floatTensor([6, 144, 1, 1])]]);
    await expect(identifyBackbone(await written("surplus.safetensors", surplus))).rejects.toThrowError(
      /1 surplus: _blocks\.3\._se_reduce\.weight/,
    );
    const wide = new Map([...weights, ["_conv_stem.weight", floatTensor([40, 3, 3, 3])]]);
    await expect(identifyBackbone(await written("wide.safetensors", wide))).rejects.toThrowError(
      /_conv_stem\.weight is \[40, 3, 3, 3\]/,
    );
    const strange = new Map([["weight", floatTensor([3])]]);
    await expect(identifyBackbone(await written("strange.safetensors", strange))).rejects.toThrowError(
      /does not hold a known backbone/,
    );
    await expect(loadBackboneWeights(backbone("resnet-50"))).rejects.toThrowError(
      /does not come with the package[\s\S]*models pull resnet-50/,
    );
  });
});
