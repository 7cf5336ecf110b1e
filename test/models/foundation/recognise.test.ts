import { describe, expect, it, test } from "vitest";
import { cropsAlong } from "../../../src/models/foundation/crops.js";
import { fittingModels } from "../../../src/models/foundation/known-models.js";
import {
  detectTransformer,
  knownModels,
  transformerTensors,
  transformerWeights,
  type VisionTransformer,
} from "../../../src/models/index.js";
import type { WeightFile } from "../../../src/models/weights/index.js";
import { smallTransformer } from "./small-transformer.js";

const plain: VisionTransformer = smallTransformer;

/** A file that says which tensors it has, and holds none. */
function fileOf(tensors: ReadonlyMap<string, readonly number[]>): WeightFile {
  return {
    path: "file",
    format: "safetensors",
    tensors: new Map([...tensors].map(([name, shape]) => [name, { shape, elementType: "float16" }])),
    others: [],
    metadata: new Map(),
    read: async () => {
      throw new Error("has no values");
    },
    close: async () => undefined,
  };
}

function withTensors(
  transformer: VisionTransformer,
  change: (name: string, shape: readonly number[]) => readonly (readonly [string, readonly number[]])[],
): WeightFile {
  return fileOf(new Map(transformerTensors(transformer).flatMap(({ name, shape }) => change(name, shape))));
}

const asTimm = (transformer: VisionTransformer) => withTensors(transformer, (name, shape) => [[name, shape]]);

/** What the shapes of a published model say, completed from its card. */
function published(name: string): VisionTransformer {
  const known = knownModels.find((model) => model.name === name);
  if (known === undefined) throw new Error(`no ${name}`);
  const { width, registers, hidden = 4 * width } = { ...plain, hidden: undefined, ...known.shape };
  const placedTokens = name === "virchow2" ? 5 : ["uni2-h", "h-optimus-0"].includes(name) ? 0 : 1;
  const heads = width === 1280 ? 16 : width / 64;
  return { ...plain, layerScale: true, ...known.shape, width, registers, hidden, placedTokens, heads };
}

describe("recognising", () => {
  it.each(["uni", "uni2-h", "virchow", "virchow2", "prov-gigapath"])("%s by its shapes", (name) => {
    const transformer = published(name);
    const weights = transformerWeights(asTimm(transformer));
    const detected = detectTransformer(weights);
    expect(detected).toEqual(transformer);
    expect(fittingModels(detected, weights.style).map((model) => model.name)).toEqual([name]);
  });

  it("says that two models share a shape", () => {
    const weights = transformerWeights(asTimm(published("h-optimus-0")));
    const fitting = fittingModels(detectTransformer(weights), weights.style);
    expect(fitting.map((model) => model.name)).toEqual(["h-optimus-0", "h-optimus-1"]);
  });

  it("joins query, key and value that are apart, in this order", () => {
    const file = withTensors({ ...plain, layerScale: true }, (name, shape) => {
      const [rows = 0, ...rest] = shape;
      const published = name
        .replace("cls_token", "embeddings.cls_token")
        .replace("pos_embed", "embeddings.position_embeddings")
        .replace("patch_embed.proj", "embeddings.patch_embeddings.projection")
        .replace("blocks.", "encoder.layer.")
        .replace("attn.proj", "attention.output.dense")
        .replace(/ls([12])\.gamma/, "layer_scale$1.lambda1")
        .replace(/^norm\./, "layernorm.");
      if (!name.includes(".attn.qkv.")) return [[published, shape]];
      return ["value", "query", "key"].map(
        (part) =>
          [published.replace("attn.qkv", `attention.attention.${part}`), [rows / 3, ...rest]] as const,
      );
    });
    const weights = transformerWeights(file);
    expect(weights.style).toBe("transformers-dinov2");
    expect(detectTransformer(weights)).toEqual({ ...plain, layerScale: true, positions: "bicubic" });
  });

  it("asks for the heads of a width that nobody publishes", () => {
    const weights = transformerWeights(asTimm({ ...plain, width: 400, hidden: 1600 }));
    expect(() => detectTransformer(weights)).toThrow(/needs the number of its attention heads/);
    expect(detectTransformer(weights, 8).heads).toBe(8);
    expect(() => detectTransformer(weights, 7)).toThrow(/cannot have 7 attention heads/);
  });

  it("names other architectures, heads alone, and what is missing", () => {
    const refusal = (tensors: readonly (readonly [string, readonly number[]])[]) => () =>
      detectTransformer(transformerWeights(fileOf(new Map(tensors))));
    expect(refusal([["layer1.0.conv1.weight", [64, 64, 3, 3]]])).toThrow(/those of a ResNet/);
    expect(refusal([["image_encoder.pos_embed", [1, 64, 64, 768]]])).toThrow(/those of a SAM/);
    expect(refusal([["head.weight", [1000, 768]]])).toThrow(/no blocks.*not from a head/);
    const swin = [
      ["patch_embed.proj.weight", [96, 3, 4, 4]],
      ["layers_0.blocks.0.attn.qkv.weight", [288, 96]],
    ] as const;
    expect(refusal(swin)).toThrow(/those of a Swin transformer/);
    expect(refusal([["patch_embed.proj.weight", [96, 3, 4, 4]]])).toThrow(/no blocks/);
    const lacking = withTensors(plain, (name, shape) =>
      name === "blocks.3.norm1.bias" ? [] : [[name, shape]],
    );
    expect(() => detectTransformer(transformerWeights(lacking))).toThrow(/1 missing: blocks.3.norm1.bias/);
    const odd = withTensors(plain, (name, shape) => [[name, name === "pos_embed" ? [1, 195, 384] : shape]]);
    expect(() => detectTransformer(transformerWeights(odd))).toThrow(/positions of no square grid/);
  });

  it("asks for the index where it is given one part", () => {
    const part = (path: string) => () => detectTransformer(transformerWeights({ ...asTimm(plain), path }));
    expect(part("m-00001-of-00002.safetensors")).toThrow(/one part of a checkpoint.*1 of 2.*index/);
    expect(part("m-00001-of-00001.safetensors")).not.toThrow();
  });
});

test.each([
  [37, 16],
  [17, 16],
  [16, 16],
  [5, 16],
  [100, 14],
  [9, 4],
  [6, 1],
])("crops of %i cells by %i cover every cell once, away from their borders", (cells, own) => {
  const crops = cropsAlong(cells, own);
  const covered = crops.flatMap(({ from, to }) =>
    Array.from({ length: to - from }, (_, index) => from + index),
  );
  expect(covered).toEqual(Array.from({ length: cells }, (_, index) => index));
  for (const { start, from, to } of crops) {
    expect(start).toBeGreaterThanOrEqual(0);
    expect(start + Math.min(own, cells)).toBeLessThanOrEqual(cells);
    expect(from).toBeGreaterThanOrEqual(start);
    expect(to).toBeLessThanOrEqual(start + own);
    const border = own >= 5 ? 2 : Math.floor((own - 1) / 2);
    if (from > 0) expect(from - start).toBeGreaterThanOrEqual(border);
    if (to < cells) expect(start + own - to).toBeGreaterThanOrEqual(border);
  }
});
