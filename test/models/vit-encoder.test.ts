import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { deterministicImage, deterministicVit } from "../../scripts/parity/vit-weights.js";
import { must } from "../../src/common/index.js";
import {
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  type Shape,
} from "../../src/graph/index.js";
import {
  detectVitVariant,
  openVitEncoder,
  requireVitVariant,
  type TensorSource,
  type VitArchitecture,
  VitModel,
  vitArchitectures,
  vitTensors,
  vitVariants,
} from "../../src/models/index.js";
import { planStretches, stretchGraph, stretchInput, stretchOutput } from "../../src/models/sam/vit-graph.js";
import { relativePositionMatrix } from "../../src/models/sam/vit-relative-positions.js";
import { frozenParameters } from "../../src/nn/index.js";

const count = z.int().positive();
const fixturesSchema = z.object({
  small: z.record(
    z.string(),
    z.object({
      model: z.object({
        width: count,
        depth: count,
        heads: count,
        globalBlocks: z.array(z.int()),
        grid: count,
        window: count,
        out: count,
        relativeLengths: z.object({ window: count, global: count }),
      }),
      output: z.object({
        l2: z.number(),
        sum: z.number(),
        indices: z.array(z.int()),
        values: z.array(z.number()),
      }),
    }),
  ),
});
const fixtures = fixturesSchema.parse(
  JSON.parse(await readFile(fileURLToPath(new URL("vit-fixtures.json", import.meta.url)), "utf8")),
);

const cpu = device("cpu", 1);
const tiny: VitArchitecture = {
  width: 16,
  depth: 2,
  heads: 2,
  globalBlocks: [1],
  windowSize: 2,
  gridSize: 3,
  outputChannels: 4,
};

/** Shapes of a variant's state dict, some of them replaced; `undefined` takes one away. */
function shapesOf(architecture: VitArchitecture, changes: Readonly<Record<string, Shape | undefined>> = {}) {
  const all = new Map(vitTensors(architecture).map(({ name, shape }) => [name, { shape }]));
  for (const [name, shape] of Object.entries(changes)) {
    if (shape === undefined) all.delete(`image_encoder.${name}`);
    else all.set(`image_encoder.${name}`, { shape });
  }
  return all;
}

/** Weights whose values may not be asked for. */
function unread(tensors: ReturnType<typeof shapesOf>): TensorSource {
  return {
    path: "sam.pth",
    tensors,
    read: () => Promise.reject(new Error("the weights were read before they were checked")),
  };
}

describe("SAM's ViT image encoder beside PyTorch", () => {
  for (const [name, { model, output }] of Object.entries(fixtures.small)) {
    for (const stretchElements of [2 ** 26, 1]) {
      const stretches = stretchElements === 1 ? "a stretch for each block" : "one stretch";
      it(`${name}, ${stretches}: gives the same embedding`, async () => {
        const { grid: gridSize, window: windowSize, out: outputChannels, relativeLengths, ...same } = model;
        const architecture = { ...same, gridSize, windowSize, outputChannels };
        const weights = deterministicVit(architecture, relativeLengths);
        const vit = await VitModel.create(architecture, weights, cpu, { stretchElements });
        const embedding = await vit.run(deterministicImage(name, architecture));
        await vit.close();
        expect(embedding).toHaveLength(outputChannels * gridSize * gridSize);
        expect(Math.sqrt(embedding.reduce((sum, value) => sum + value ** 2, 0))).toBeCloseTo(output.l2, 4);
        for (const [index, position] of output.indices.entries()) {
          expect(embedding[position]).toBeCloseTo(output.values[index] ?? Number.NaN, 4);
        }
      });
    }
  }

  it("gives the same embedding as lowered for a GPU", async () => {
    const [name = "", fixture] = Object.entries(fixtures.small)[0] ?? [];
    if (fixture === undefined) throw new Error("there are no fixtures");
    const {
      grid: gridSize,
      window: windowSize,
      out: outputChannels,
      relativeLengths,
      ...same
    } = fixture.model;
    const architecture = { ...same, gridSize, windowSize, outputChannels };
    const source = deterministicVit(architecture, relativeLengths);
    const weights = new Map<string, FloatTensor>();
    for (const tensor of source.tensors.keys()) {
      const read = await source.read(tensor);
      if (read.dataType === "float32") weights.set(tensor, read);
    }
    const [whole] = planStretches(architecture, 2 ** 26);
    if (whole === undefined) throw new Error("there is no stretch");
    const output = stretchGraph(architecture, whole, frozenParameters(weights), source.tensors);
    const session = await GraphSession.create({ [stretchOutput]: output }, cpu, { target: "gpu" });
    const side = 16 * gridSize;
    const image = floatTensor([1, 3, side, side], deterministicImage(name, architecture));
    const embedding = floatsOf(await session.run({ [stretchInput]: image }), stretchOutput);
    await session.close();
    for (const [index, position] of fixture.output.indices.entries()) {
      expect(embedding[position]).toBeCloseTo(fixture.output.values[index] ?? Number.NaN, 4);
    }
  });

  it("covers padded and whole windows, global blocks and tables to interpolate", () => {
    const models = Object.values(fixtures.small).map(({ model }) => model);
    expect(models.some(({ grid, window }) => grid % window !== 0)).toBe(true);
    expect(models.some(({ grid, window }) => grid % window === 0)).toBe(true);
    expect(
      models.every(({ globalBlocks, depth }) => globalBlocks.length > 0 && globalBlocks.length < depth),
    ).toBe(true);
    expect(models.some(({ grid, relativeLengths }) => relativeLengths.global !== 2 * grid - 1)).toBe(true);
    expect(models.some(({ window, relativeLengths }) => relativeLengths.window !== 2 * window - 1)).toBe(
      true,
    );
  });
});

describe("tables of relative positions", () => {
  it("give each pair of query and key the row of its distance", () => {
    const matrix = relativePositionMatrix(3, 5);
    for (const query of [0, 1, 2]) {
      for (const key of [0, 1, 2]) {
        const row = matrix.subarray((query * 3 + key) * 5, (query * 3 + key + 1) * 5);
        expect([...row]).toEqual([0, 1, 2, 3, 4].map((index) => (index === query - key + 2 ? 1 : 0)));
      }
    }
  });

  it("of another length are interpolated between neighbours", () => {
    const matrix = relativePositionMatrix(2, 6);
    // Three distances from six rows: each lies half-way between two.
    const rows = [0, 1, 2, 3].map((pair) => [...matrix.subarray(pair * 6, (pair + 1) * 6)]);
    expect(rows[1]).toEqual([0.5, 0.5, 0, 0, 0, 0]);
    expect(rows[0]).toEqual([0, 0, 0.5, 0.5, 0, 0]);
    expect(rows[3]).toEqual(rows[0]);
    expect(rows[2]).toEqual([0, 0, 0, 0, 0.5, 0.5]);
  });
});

describe("stretches", () => {
  it("hold every parameter once, in as few pieces as the limit allows", () => {
    for (const variant of vitVariants) {
      const architecture = vitArchitectures[variant];
      const stretches = planStretches(architecture, 2 ** 26);
      expect(stretches.flatMap(({ names }) => names).sort()).toEqual(
        vitTensors(architecture)
          .map(({ name }) => name)
          .sort(),
      );
      expect(stretches[0]?.firstBlock).toBe(0);
      expect(stretches.at(-1)?.endBlock).toBe(architecture.depth);
      for (const [index, { firstBlock, endBlock }] of stretches.entries()) {
        expect(endBlock).toBeGreaterThan(firstBlock);
        if (index > 0) expect(firstBlock).toBe(stretches[index - 1]?.endBlock);
      }
    }
    expect(planStretches(vitArchitectures["vit-b"], 2 ** 26)).toHaveLength(2);
    expect(planStretches(vitArchitectures["vit-b"], 1)).toHaveLength(12);
  });
});

describe("variants", () => {
  it("are told apart by their tensors", () => {
    for (const variant of vitVariants) {
      const tensors = shapesOf(vitArchitectures[variant]);
      expect(detectVitVariant(tensors, { file: "sam.pth" })).toBe(variant);
      expect(requireVitVariant("auto", tensors, { file: "sam.pth" })).toBe(variant);
    }
  });

  it("have the number of parameters of the published models", () => {
    const millions = vitVariants.map((variant) => {
      const shapes = vitTensors(vitArchitectures[variant]).map(({ shape }) => shape);
      return shapes.reduce((sum, shape) => sum + shape.reduce((product, size) => product * size, 1), 0) / 1e6;
    });
    expect(millions.map(Math.round)).toEqual([90, 308, 637]);
  });

  it("other than the one expected are refused by name", async () => {
    const weights = unread(shapesOf(vitArchitectures["vit-b"]));
    await expect(openVitEncoder({ variant: "vit-l", weights, weightsHash: "0" })).rejects.toThrow(
      /sam\.pth: holds the image encoder of vit-b, not of vit-l/,
    );
  });

  it("that are unknown, or no ViT at all, are refused", () => {
    const file = "other.pth";
    expect(() => detectVitVariant(shapesOf(tiny), { file })).toThrow(/width 16 with 2 blocks/);
    const mobile = new Map([["image_encoder.patch_embed.seq.0.c.weight", { shape: [32, 3, 3, 3] }]]);
    expect(() => detectVitVariant(mobile, { file })).toThrow(/does not hold SAM's ViT image encoder.*seq\.0/);
    expect(() => detectVitVariant(new Map(), { file })).toThrow(/begins with nothing/);
  });
});

describe("weights that do not fit", () => {
  const base = vitArchitectures["vit-b"];
  const open = (changes: Readonly<Record<string, Shape | undefined>>) =>
    openVitEncoder({ variant: "auto", weights: unread(shapesOf(base, changes)), weightsHash: "0" });

  it("are listed before anything is read", async () => {
    const wrong = open({
      "neck.0.weight": undefined,
      "blocks.3.attn.qkv.bias": [768],
      "blocks.3.adapter.weight": [8, 768],
    });
    await expect(wrong).rejects.toThrow(
      /1 missing: image_encoder\.neck\.0\.weight; 1 surplus: .*adapter\.weight; 1 of another shape: .*qkv\.bias is \[768\] but should be \[2304\]/,
    );
  });

  it("for another input size are told apart from damage", async () => {
    await expect(open({ pos_embed: [1, 16, 16, 768] })).rejects.toThrow(
      /another input size.*256 pixels a side and not 1024/,
    );
  });

  it("with tables of relative positions of another width are misshaped, of another length are not", async () => {
    await expect(open({ "blocks.0.attn.rel_pos_h": [27, 80] })).rejects.toThrow(
      /rel_pos_h is \[27, 80\] but should be \[27, 64\]/,
    );
    await expect(open({ "blocks.0.attn.rel_pos_h": [31, 64] })).rejects.toThrow(/were read before/);
  });

  it("that are not floating-point are refused", async () => {
    const tensors = new Map<string, FloatTensor>();
    for (const { name, shape } of vitTensors(tiny)) tensors.set(name, floatTensor(shape));
    const integers: TensorSource = {
      ...{ path: "sam.pth", tensors },
      read: async (name) =>
        name.endsWith("proj.bias")
          ? { dataType: "int64", shape: [16], data: new BigInt64Array(16) }
          : must(tensors, name),
    };
    await expect(VitModel.create(tiny, integers, cpu)).rejects.toThrow(
      /patch_embed\.proj\.bias" holds int64/,
    );
  });
});
