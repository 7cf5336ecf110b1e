import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { device, type HostTensor } from "../../src/graph/index.js";
import { EmbeddingFeeds } from "../../src/training/embedding-feeds.js";
import type { PatchEmbeddings } from "../../src/training/patch-embeddings.js";
import { describeWithWebGpu, runWithWebGpu } from "../support/webgpu.js";
import { embeddedPatch, numberedEmbeddings } from "./numbered-embeddings.js";

const ELEMENTS = 256 * 64 * 64;
const LONG = 300_000;

describe("embeddings for a decoder", () => {
  it("are one batch in host memory where the device has no memory of its own", async () => {
    const embeddings = numberedEmbeddings([]) as PatchEmbeddings;
    const feeds = await EmbeddingFeeds.create(embeddings, device("cpu", 1), { batchSize: 2 });
    const patches = [embeddedPatch("3"), embeddedPatch("5")];
    const given = await feeds.with(patches, async (batch) => batch as HostTensor);
    expect(given.shape).toEqual([2, 256, 64, 64]);
    expect([given.data[0], given.data[ELEMENTS - 1], given.data[ELEMENTS]]).toEqual([3, 3, 5]);
    expect(feeds.held).toBe(0);
    await feeds.close();
  });
});

describeWithWebGpu("embeddings for a decoder on webgpu", (gpu) => {
  it(
    "are copied once, joined there, and dropped in the order of their last use",
    async () => {
      const child = join(import.meta.dirname, "support", "webgpu-embeddings-child.ts");
      const { output, errors, code } = await runWithWebGpu(gpu, child);
      expect(code, errors.slice(-2000)).toBe(0);
      expect(JSON.parse(output)).toEqual({
        means: [
          [1, 2],
          [2, 3],
          [1, 4],
          [2, 2],
        ],
        // Three fit: 4 takes the place of 2, which was used before 1 and 3.
        calls: ["1", "2", "3", "4", "2"],
        held: 3,
      });
    },
    LONG,
  );
});
