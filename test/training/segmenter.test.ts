import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { must, RandomStream, silentReporter } from "../../src/common/index.js";
import {
  type DecodeRequest,
  decodedMaskSchema,
  embeddingEntrySchema,
  segmentersSchema,
} from "../../src/contract/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { areaOfLogits, clickedRegion, squareLogits } from "../../src/geometry/index.js";
import { device } from "../../src/graph/index.js";
import {
  applyDihedral,
  invertDihedral,
  readMask,
  readRgbImage,
  resizeFloatMap,
} from "../../src/imaging/index.js";
import { inferSlides, openSegmenter } from "../../src/inference/index.js";
import { colourPlanes, readSafetensors } from "../../src/models/index.js";
import { assembleReport } from "../../src/report/index.js";
import {
  type EncoderSource,
  evaluationFiles,
  exportFromRun,
  finishedDecoderStages,
  type RunContext,
  usableDecoderStages,
} from "../../src/run/index.js";
import { createServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { segmentationRoutes } from "../../src/server/segmentation/routes.js";
import { SegmenterModels } from "../../src/server/segmentation/segmenter-models.js";
import { findSegmenters } from "../../src/server/segmentation/segmenters.js";
import type { SegmenterSource } from "../../src/server/segmentation/work.js";
import { embed, planEmbedding } from "../../src/training/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";
import { generatePatch } from "../support/synthetic.js";
import {
  errorOf,
  hashesOf,
  makeFolder,
  PATCH_SIZE,
  quickEncoder,
  recordingReporter,
  removeFolders,
  stopAt,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const common = {
  classifier: {
    model: "dense",
    inputSize: null,
    epochs: 3,
    batchSize: 4,
    learningRate: 1e-2,
  },
  selection: { idsThreshold: 0, minimumShare: 1 },
  gate: 0,
};

const seeing = {
  epochs: 2,
  batchSize: 2,
  learningRate: 1e-3,
  schedule: "cosine",
  variants: [0, 1, 2, 3, 4, 5, 6, 7],
  validation: "windows",
  loss: "cross-entropy-dice",
  negatives: true,
  confidence: true,
  trainBackbone: true,
  calibrate: true,
  warmUpSteps: 2,
} as const;

const pyramidValues = tinyConfig({
  ...common,
  classifier: { ...common.classifier, dense: { featureNoise: 0.3 } },
  decoder: {
    ...seeing,
    kind: "pyramid",
    warmStart: true,
    flipsAtTest: true,
    samplesPerEpoch: 6,
    featureNoise: 0.3,
    augment: { stainScale: 0.2, stainShift: 0.05, cropSize: 32 },
  },
});

const sam = tinyConfig({
  ...common,
  sam: { points: 0, maskPrompt: "activation-map" },
  decoder: {
    ...seeing,
    features: true,
    epochs: 1,
    samplesPerEpoch: 2,
    optionalMask: 0.5,
    trainBackbone: false,
  },
  rounds: 0,
  cache: { directory: null },
});

/** An encoder that a pyramid must not ask for. */
const closedEncoder: EncoderSource = {
  id: "closed",
  open: async () => {
    throw new Error("a pyramid opened SAM's encoder");
  },
};

let folder: string;
let data: string;
let trained: RunContext;
/** Features that were computed before the training, by their files. */
let embedded: Record<string, string>;
const { reporter, notes } = (() => {
  const recording = recordingReporter();
  return { reporter: recording, notes: recording.notes };
})();

/** With a cache of its own, so that it is known what was computed. */
function pyramid() {
  return { ...pyramidValues, cache: { ...pyramidValues.cache, directory: join(folder, "cache") } };
}

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  const out = join(folder, "pyramid");
  const means = { encoder: closedEncoder, reporter };
  const plan = await planEmbedding({ ...means, data, config: pyramid() });
  await embed(plan, { ...means, device: device("cpu", 1) });
  embedded = await hashesOf(plan.cache);
  trained = await trainTiny({ data, out, config: pyramid(), ...means });
});

afterAll(() => removeFolders([folder]));

describe("a run with a feature pyramid", () => {
  it("finds every feature that was computed before it", async () => {
    // Of 12 patches to learn from and 4 to validate by.
    expect(Object.keys(embedded)).toHaveLength(16);
    expect(await hashesOf(join(folder, "cache"))).toEqual(embedded);
  });

  it("stores pyramid, trained backbone, standardisation and calibration", async () => {
    const { tensors } = await readSafetensors(trained.run.path("decoder-round-1.safetensors"));
    const names = [...tensors.keys()];
    expect(names).toContain("pyramid.logits.weight");
    expect(names).toContain("backbone._blocks.10._project_conv.weight");
    expect(names.some((name) => name.includes("running_mean"))).toBe(false);
    expect(tensors.get("standardisation.16.mean")?.shape).toEqual([112]);
    expect(tensors.get("calibration.offset")?.shape).toEqual([1]);
    const first = await readSafetensors(trained.run.path("decoder-preliminary.safetensors"));
    const mean = (file: typeof first) => file.tensors.get("standardisation.4.mean")?.data;
    expect(mean({ tensors, metadata: first.metadata })).toEqual(mean(first));
  });

  it("goes on in a round from the decoder of the stage before", async () => {
    const weightsOf = async (stage: string): Promise<number[]> => {
      const { tensors } = await readSafetensors(trained.run.path(`decoder-${stage}.safetensors`));
      return Array.from(must(tensors, "pyramid.smooth.8.weight", "weight").data, Number);
    };
    const product = (a: readonly number[], b: readonly number[]) =>
      a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
    const [before, after] = [await weightsOf("preliminary"), await weightsOf("round-1")];
    const likeness = product(before, after) / Math.sqrt(product(before, before) * product(after, after));
    // Of two random beginnings it is 0.
    expect(likeness).toBeGreaterThan(0.9);
    expect(likeness).toBeLessThan(1);
  });

  it("keeps the confidence of pseudo-labels, and takes part with patches without tumour", async () => {
    const kept = await readdir(trained.run.path("confidence", "round-1"));
    expect(kept.filter((name) => name.endsWith(".png"))).toHaveLength(4);
    const { summary } = trained.run.record.stages["round-1"] ?? {};
    expect(summary).toMatchObject({ validation: "error on labels of windows" });
    expect(summary?.trainingPatches).toBeGreaterThan(Number(summary?.pseudoLabels));
  });

  it("is evaluated without SAM as it is", async () => {
    const dataset = await openDataset(data, { warn: () => undefined });
    const file = evaluationFiles(trained.run.path("evaluation"), "test");
    for (const { id } of dataset.patches.filter(({ split }) => split === "test")) {
      const mask = await readMask(file.mask("round-1", id));
      expect([mask.width, mask.height]).toEqual([64, 64]);
    }
    const { summary } = trained.run.record.stages.evaluation ?? {};
    expect(Object.keys(summary ?? {})).not.toContain("meanIou untrained");
    expect(summary?.["meanIou round-1"]).toBeTypeOf("number");
    expect(notes.some((text) => text.startsWith("preliminary: the logit that separates tumour is"))).toBe(
      true,
    );
  });

  it("goes on after an interruption to the same bytes", async () => {
    const out = join(folder, "interrupted");
    const options = { data, out, config: pyramid(), encoder: closedEncoder };
    await expect(trainTiny({ ...options, ...stopAt("preliminary: epoch 1/2") })).rejects.toThrow("stopped");
    await expect(trainTiny({ ...options, ...stopAt("round-1: epoch 1/2"), resume: true })).rejects.toThrow(
      "stopped",
    );
    await trainTiny({ ...options, resume: true });
    expect(await hashesOf(out, ".safetensors")).toEqual(await hashesOf(trained.run.root, ".safetensors"));
    expect(await hashesOf(out, ".png")).toEqual(await hashesOf(trained.run.root, ".png"));
  });

  it("segments patches, each flip alike", async () => {
    const segmenter = await openSegmenter(trained.run.root, { gate: 0 });
    const { image } = generatePatch(new RandomStream(1, "segmenter"), { size: 64, kind: "tumour" });
    const { tumour, estimatedIou } = await segmenter.segmentPatch(image, "patch");
    await segmenter.close();
    expect(tumour?.data).toHaveLength(64 * 64);
    expect(tumour?.data.every((value) => value > 0 && value < 1)).toBe(true);
    expect(estimatedIou).toBeGreaterThanOrEqual(0);
    expect(segmenter.identity.weights.backbone).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(segmenter.identity.weights)).not.toContain("sam-encoder");
  });

  it("is adapted to a slide by labelled squares, and says so in the result", async () => {
    const slide = join(folder, "slides", "one.tif");
    const { image } = generatePatch(new RandomStream(2, "slide"), { size: 128, kind: "tumour" });
    await mkdir(join(folder, "slides"));
    await sharp(image.data, { raw: { width: 128, height: 128, channels: 3 } })
      .tiff({ tile: true, tileWidth: 64, tileHeight: 64, pyramid: true, compression: "deflate" })
      .toFile(slide);
    const squares = join(folder, "squares.csv");
    await writeFile(squares, "slide,x,y,size,tumour\none,0,0,48,1\none,64,64,48,0\n");
    const options = {
      run: trained.run.root,
      inputs: [slide],
      mpp: 0.5,
      tissue: "all",
      gate: 0,
      device: device("cpu", 1),
    } as const;
    const recording = recordingReporter();
    const infer = (out: string, labelledSquares?: string) =>
      inferSlides({ ...options, labelledSquares, out: join(folder, out), reporter: recording });
    const [plain, adapted] = [await infer("plain"), await infer("adapted", squares)];
    expect(plain.skipped).toEqual([]);
    const weightsOf = ({ slides }: typeof plain) => slides[0]?.result.settings.model.weights ?? {};
    expect(weightsOf(adapted)).toEqual({
      ...weightsOf(plain),
      adaptation: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(recording.notes.some((note) => /one.tif: adapted to 2 labelled squares/.test(note))).toBe(true);
    const probabilities = (out: string) => readFile(join(folder, out, "one", "probability.tif"));
    expect(await probabilities("adapted")).not.toEqual(await probabilities("plain"));
    const stage = inferSlides({
      ...options,
      stage: "initial-masks",
      labelledSquares: squares,
      out: join(folder, "map"),
      reporter: recording,
    });
    expect(await errorOf(stage)).toContain("adapts feature pyramids alone");
  });

  it("answers clicks with its map, and gives it to SAM, which takes boxes, as a mask prompt", async () => {
    const workspace = { runs: [{ id: "run", name: "pyramid", root: trained.run.root }] };
    const found = await findSegmenters(workspace);
    const titles = found.map(({ entry }) => entry.title);
    expect(titles).toEqual([
      "pyramid, Round 1",
      "pyramid, Preliminary fine-tuning",
      "SAM, not trained on tissue",
    ]);
    expect(new Set(found.map(({ encoder }) => encoder)).size).toBe(3);
    expect(found.map(({ hasMap }) => hasMap)).toEqual([true, true, false]);
    const image = await readRgbImage(join(data, "test", "image", "test-tumour-0_1.png"));
    const embedded = { width: image.width, height: image.height, data: Buffer.from(image.data) };
    const models = new SegmenterModels();
    const source = { run: trained.run.root, stage: "round-1", patchSize: PATCH_SIZE };
    const floatsOf = async (kind: "embed" | "map", segmenter: SegmenterSource) => {
      const floats = await models.run({ kind, segmenter, image: embedded });
      if (!(floats instanceof Float32Array)) throw new Error("embeddings are numbers");
      return floats;
    };
    const map = await floatsOf("map", source);
    const seen = await openSegmenter(trained.run.root, { stage: "round-1", gate: 0 });
    const { tumour } = await seen.segmentPatch(image, "patch");
    await seen.close();
    if (tumour === undefined) throw new Error("the gate is open");
    const enlarged = resizeFloatMap(tumour, 256, 256).data;
    const others = map.filter((logit, pixel) => logit > 0 !== (enlarged[pixel] ?? 0) > 0.5);
    expect([map.length, others.length < 300]).toEqual([256 ** 2, true]);
    const embedding = await floatsOf("embed", source);
    expect(embedding).not.toEqual(await floatsOf("embed", { ...source, run: null }));
    const prompts = { coordinates: Float32Array.of(32, 32, 0, 0), labels: Float32Array.of(1, -1) };
    const decoded = await models.run({ kind: "decode", segmenter: source, embedding, prompts });
    expect(decoded).toMatchObject({ estimatedIou: expect.any(Number) });
  });

  it("answers clicks on a slide over the server, from the map that the page gets", async () => {
    const image = await readRgbImage(join(data, "test", "image", "test-tumour-0_1.png"));
    const pixelAt = (x: number, y: number) => (Math.min(y, 63) * 64 + Math.min(x, 63)) * 3;
    const colour = (x: number, y: number): [number, number, number] => {
      const [red = 0, green = 0, blue = 0] = image.data.subarray(pixelAt(x, y), pixelAt(x, y) + 3);
      return [red, green, blue];
    };
    const ending = new AbortController();
    const context = createServerContext({
      stateDirectory: join(folder, "clicks"),
      signal: ending.signal,
      reporter: silentReporter,
      openSlides: new OpenSlides({
        open: async (path) => memorySlide(path, 64, 64, colour, { downsamples: [1] }),
      }),
    });
    const slide = context.workspace.addSlide("/made-up.tif").id;
    context.workspace.addRun(trained.run.root);
    const routes = segmentationRoutes(context).onError(problemResponse);
    const post = (path: string, body: unknown) =>
      routes.request(path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "Content-Type": "application/json" },
      });
    const [segmenter] = segmentersSchema.parse(await (await routes.request("/segmenters")).json());
    const centre = { x: 32, y: 32 };
    const embedded = await post(`/slides/${slide}/embeddings`, { segmenter: segmenter?.id, centre });
    const entry = embeddingEntrySchema.parse(await embedded.json());
    expect(entry).toMatchObject({ hasMap: true, patchSize: PATCH_SIZE });
    const bytes = await (await routes.request(`/embeddings/${entry.id}/map`)).arrayBuffer();
    const map = squareLogits(new Float32Array(bytes));
    const most = map.data.indexOf(map.data.reduce((one, other) => Math.max(one, other)));
    const at = { x: ((most % 256) + 0.5) / 4, y: (Math.floor(most / 256) + 0.5) / 4 };
    const prompt: DecodeRequest = { points: [{ space: "patch", ...at, label: 1 }], box: null };
    const answered = await post(`/embeddings/${entry.id}/mask`, prompt);
    const mask = decodedMaskSchema.parse(await answered.json());
    ending.abort();
    const region = clickedRegion(map, prompt, PATCH_SIZE);
    if (region === null) throw new Error("a click has a region");
    expect(mask.area).toEqual(areaOfLogits(region.logits, entry.box));
    expect(mask.estimatedIou).toBeCloseTo(region.certainty, 6);
    expect(mask.area.coordinates.length).toBeGreaterThan(0);
  });

  it("is exported as ONNX, which gives its logits in plain ONNX Runtime", async () => {
    const out = join(folder, "decoder.onnx");
    const { stage } = await exportFromRun(trained, {
      ...{ part: "decoder", format: "onnx", out, overwrite: false },
    });
    expect(stage).toBe("round-1");
    const { image } = generatePatch(new RandomStream(3, "exported"), { size: 64, kind: "tumour" });
    // Flips that the run averages: as it is, mirrored, turned by half, and both.
    const flips = [0, 4, 2, 6] as const;
    const { data, shape } = colourPlanes(flips.map((variant) => applyDihedral(image, variant)));
    const session = await InferenceSession.create(out);
    const results = await session.run({ images: new Tensor("float32", data, shape) });
    await session.release();
    const logits = results.logits?.data;
    if (!(logits instanceof Float32Array)) throw new Error("no logits");
    const mean = new Float32Array(64 * 64);
    for (const [index, variant] of flips.entries()) {
      const one = {
        width: 64,
        height: 64,
        data: logits.slice(index * mean.length, (index + 1) * mean.length),
      };
      invertDihedral(one, variant).data.forEach((logit, pixel) => {
        mean[pixel] = (mean[pixel] ?? 0) + logit / flips.length;
      });
    }
    const segmenter = await openSegmenter(trained.run.root, { gate: 0 });
    const { tumour } = await segmenter.segmentPatch(image, "patch");
    await segmenter.close();
    const expected = tumour?.data ?? new Float32Array();
    expect(expected).toHaveLength(mean.length);
    expected.forEach((probability, pixel) => {
      expect(1 / (1 + Math.exp(-(mean[pixel] ?? 0)))).toBeCloseTo(probability, 4);
    });
  });

  it("is exported with all of its tensors, its classifier without ONNX", async () => {
    const out = join(folder, "decoder.safetensors");
    await exportFromRun(trained, { part: "decoder", format: "safetensors", out, overwrite: false });
    const names = [...(await readSafetensors(out)).tensors.keys()];
    const of = new Set(names.map((name) => name.split(".")[0]));
    expect(of).toEqual(new Set(["backbone", "pyramid", "standardisation", "calibration"]));
    const onnx = {
      part: "classifier",
      format: "onnx",
      out: join(folder, "c.onnx"),
      overwrite: false,
    } as const;
    expect(await errorOf(exportFromRun(trained, onnx))).toContain("cannot be exported as ONNX");
  });

  it("has no stage untrained", async () => {
    expect(await errorOf(openSegmenter(trained.run.root, { stage: "untrained" }))).toContain(
      "Choose from preliminary, round-1",
    );
    expect(finishedDecoderStages(trained)).toEqual(["preliminary", "round-1"]);
  });
});

it("SAM's decoder with features is trained, calibrated and evaluated beside SAM as it is", async () => {
  const out = join(folder, "sam");
  const config = { ...sam, cache: { ...sam.cache, directory: join(folder, "cache") } };
  const context = await trainTiny({ data, out, config, encoder: quickEncoder });
  const { tensors } = await readSafetensors(context.run.path("decoder-preliminary.safetensors"));
  const names = [...tensors.keys()];
  expect(names).toContain("mask_decoder.feature_projections.16.weight");
  expect(names).toContain("standardisation.8.scale");
  expect(names.some((name) => name.startsWith("backbone."))).toBe(false);
  const { summary } = context.run.record.stages.evaluation ?? {};
  expect(summary?.["meanIou untrained"]).toBeTypeOf("number");
  expect(summary?.["meanIou preliminary"]).toBeTypeOf("number");
  const onnx = { part: "decoder", format: "onnx", out: join(folder, "sam.onnx"), overwrite: false } as const;
  expect(await errorOf(exportFromRun(context, onnx))).toContain(
    "SAM's decoder with features cannot be exported",
  );
});

it("SAM's decoder with features is trained without prompts, and SAM as it is is not asked then", async () => {
  const cache = { ...sam.cache, directory: join(folder, "cache") };
  const unprompted = {
    sam: { ...sam.sam, maskPrompt: "none" },
    decoder: { ...sam.decoder, optionalMask: 0 },
  } as const;
  const config = { ...sam, ...unprompted, cache };
  const context = await trainTiny({ data, out: join(folder, "unprompted"), config, encoder: quickEncoder });
  const { summary } = context.run.record.stages.evaluation ?? {};
  expect(summary?.["meanIou preliminary"]).toBeTypeOf("number");
  expect(Object.keys(summary ?? {})).not.toContain("meanIou untrained");
  expect(usableDecoderStages(context)).toEqual(["preliminary"]);
  const dataset = await openDataset(data, { warn: () => undefined });
  const { stageTable } = await assembleReport(context, dataset);
  expect(stageTable.rows.map(({ stage }) => stage)).toEqual([
    "Initial masks (CAM)",
    "Preliminary fine-tuning",
  ]);
});

it("settings that do not go together are refused before a run is made", async () => {
  const out = join(folder, "refused");
  const config = tinyConfig({ decoder: { negatives: true } });
  expect(await errorOf(trainTiny({ data, out, config }))).toContain("decoder.negatives: needs");
});
