import { describe, expect, it } from "vitest";
import { deterministicImage, deterministicVit } from "../../scripts/parity/vit-weights.js";
import { decodeModel, device } from "../../src/graph/index.js";
import { encodeVitOnnx } from "../../src/models/export/encoder-onnx.js";
import {
  encodeVitEncoderOnnx,
  type TensorSource,
  type VitArchitecture,
  VitModel,
  vitArchitectures,
  vitTensors,
} from "../../src/models/index.js";
import { InferenceSession, Tensor } from "../support/onnxruntime.js";

/** Windows that need padding, and a global block. */
const small: VitArchitecture = {
  width: 16,
  depth: 2,
  heads: 2,
  globalBlocks: [1],
  windowSize: 2,
  gridSize: 3,
  outputChannels: 4,
};

/** A source that knows a size's tensors, and says how often one was read. */
function unreadable(architecture: VitArchitecture): TensorSource & { reads: number } {
  const source = {
    path: "sam.pth",
    tensors: new Map(vitTensors(architecture).map(({ name, shape }) => [name, { shape }])),
    reads: 0,
    read: () => {
      source.reads++;
      return Promise.reject(new Error("read"));
    },
  };
  return source;
}

describe("SAM's ViT image encoder in ONNX", () => {
  it("gives our own embedding, by operators of the standard alone", async () => {
    const weights = deterministicVit(small);
    const bytes = await encodeVitOnnx(small, weights, { licence: "Apache-2.0" });
    const { graph, metadataProps, opsetImport } = decodeModel(bytes);
    expect(graph.node.every(({ domain }) => (domain ?? "") === "")).toBe(true);
    expect(opsetImport.map(({ domain }) => domain ?? "")).toEqual([""]);
    expect(metadataProps).toContainEqual({ key: "licence", value: "Apache-2.0" });
    expect(graph.input.map(({ name }) => name)).toEqual(["input"]);

    const image = deterministicImage("export", small);
    const session = await InferenceSession.create(bytes);
    const side = 16 * small.gridSize;
    const { image_embedding: embedding } = await session.run({
      input: new Tensor("float32", image, [1, 3, side, side]),
    });
    await session.release();
    expect(embedding?.dims).toEqual([1, small.outputChannels, small.gridSize, small.gridSize]);

    const own = await VitModel.create(small, weights, device("cpu", 1));
    const expected = await own.run(image);
    await own.close();
    const exported = embedding?.data;
    if (!(exported instanceof Float32Array)) throw new Error("the embedding is not float32");
    const largest = Math.max(...expected.map(Math.abs));
    const error = Math.max(...expected.map((value, at) => Math.abs(value - (exported[at] ?? Number.NaN))));
    expect(error / largest).toBeLessThan(1e-5);
  });

  it("of ViT-H is refused before a weight is read: it would take more than 2 GiB", async () => {
    const source = unreadable(vitArchitectures["vit-h"]);
    await expect(encodeVitEncoderOnnx("vit-h", source, {})).rejects.toMatchObject({
      tag: "weights",
      message: expect.stringMatching(/2\.4 GiB.*an ONNX file can have 2.*safetensors or pth/s),
    });
    expect(source.reads).toBe(0);
  });

  it("of ViT-B and ViT-L fits", async () => {
    for (const variant of ["vit-b", "vit-l"] as const) {
      const source = unreadable(vitArchitectures[variant]);
      await expect(encodeVitEncoderOnnx(variant, source, {})).rejects.toThrow("read");
      expect(source.reads).toBe(1);
    }
  });
});
