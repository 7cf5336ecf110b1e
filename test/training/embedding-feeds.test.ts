import { describe, expect, it } from "vitest";
import { device, type HostTensor } from "../../src/graph/index.js";
import { EmbeddingFeeds } from "../../src/training/embedding-feeds.js";
import type { PatchEmbeddings } from "../../src/training/patch-embeddings.js";

type EmbeddedPatch = Parameters<PatchEmbeddings["batch"]>[0][number];

const ELEMENTS = 256 * 64 * 64;

/** Embeddings full of the patch's number. */
const numbered: Pick<PatchEmbeddings, "get" | "batch"> = {
  get: async ({ id }) => new Float32Array(ELEMENTS).fill(Number(id)),
  batch: async (patches) =>
    Float32Array.from({ length: patches.length * ELEMENTS }, (_, index) =>
      Number(patches[Math.floor(index / ELEMENTS)]?.patch.id),
    ),
};

function patch(id: string): EmbeddedPatch {
  const files = { imagePath: `${id}.png`, maskPath: null };
  return { patch: { id, ...files } as EmbeddedPatch["patch"], variant: 0 };
}

describe("embeddings for a decoder", () => {
  it("are one batch in host memory where the device has no memory of its own", async () => {
    const feeds = await EmbeddingFeeds.create(numbered as PatchEmbeddings, device("cpu", 1), {
      batchSize: 2,
    });
    const given = await feeds.with([patch("3"), patch("5")], async (embeddings) => embeddings as HostTensor);
    expect(given.shape).toEqual([2, 256, 64, 64]);
    expect([given.data[0], given.data[ELEMENTS - 1], given.data[ELEMENTS]]).toEqual([3, 3, 5]);
    expect(feeds.held).toBe(0);
    await feeds.close();
  });
});
