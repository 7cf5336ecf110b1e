import { describe, expect, it } from "vitest";
import { EpSamError, RandomStream } from "../../src/common/index.js";
import {
  BatchLoader,
  type BatchLoaderOptions,
  balancedOrder,
  defaultAugmentation,
  epochOrder,
  type LoadablePatch,
  type PatchBatch,
} from "../../src/dataset/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { errorOf } from "./fixtures.js";

function patches(count: number): LoadablePatch[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `patch-${index}`,
    imagePath: `/nowhere/patch-${index}.png`,
    label: index % 3 === 0 ? 1 : 0,
  }));
}

/** Images whose pixels tell the patch; decoding takes a time of its own for each. */
async function load(patch: LoadablePatch): Promise<RgbImage> {
  const index = Number(patch.id.slice(6));
  await new Promise((resolve) => setTimeout(resolve, (index * 7) % 5));
  const random = new RandomStream(0, patch.id);
  return { width: 8, height: 8, data: Uint8Array.from({ length: 192 }, () => random.integer(256)) };
}

function options(changes: Partial<BatchLoaderOptions> = {}): BatchLoaderOptions {
  return { batchSize: 4, seed: 0, order: "shuffled", lastBatch: "keep", load, ...changes };
}

async function collect(loader: BatchLoader, epoch = 0, firstBatch = 0): Promise<PatchBatch[]> {
  const batches: PatchBatch[] = [];
  for await (const batch of loader.epoch(epoch, firstBatch)) batches.push(batch);
  return batches;
}

describe("orders", () => {
  it("goes through every sample once, in an order of the seed's", () => {
    const order = epochOrder(50, new RandomStream(0, "order"));
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(epochOrder(50, new RandomStream(0, "order"))).toEqual(order);
    expect(epochOrder(50, new RandomStream(1, "order"))).not.toEqual(order);
  });

  it("balances the classes without favouring any sample", () => {
    const labels = [1, 1, 1, ...new Array<number>(17).fill(0)];
    const order = balancedOrder(labels, new RandomStream(0));
    expect(order).toHaveLength(20);
    const times = labels.map((_, index) => order.filter((drawn) => drawn === index).length);
    expect(times.slice(0, 3).sort()).toEqual([3, 3, 4]);
    expect(times.slice(3).reduce((a, b) => a + b)).toBe(10);
    expect(Math.max(...times.slice(3))).toBe(1);
  });

  it("says which class is missing", () => {
    expect(() => balancedOrder([0, 0], new RandomStream(0))).toThrow(/no positive patch/);
    expect(() => balancedOrder([1], new RandomStream(0))).toThrow(/no negative patch/);
  });
});

describe("BatchLoader", () => {
  it("gives the same batches whatever is cached and made ahead", async () => {
    const settings = { augmentation: defaultAugmentation };
    const reference = await collect(new BatchLoader(patches(10), options({ ...settings, prefetch: 0 })), 3);
    const ahead = new BatchLoader(patches(10), options({ ...settings, prefetch: 5, cacheBytes: 0 }));
    await collect(ahead, 2);
    expect(await collect(ahead, 3)).toEqual(reference);
    expect(await collect(ahead, 4)).not.toEqual(reference);
    const otherSeed = new BatchLoader(patches(10), options({ ...settings, seed: 1 }));
    expect(await collect(otherSeed, 3)).not.toEqual(reference);
    expect(await collect(ahead, 3, 2)).toEqual(reference.slice(2));
  });

  it("augments a sample by seed, epoch and index, not by its place in the epoch", async () => {
    const settings = { augmentation: defaultAugmentation, batchSize: 1 };
    const shuffled = await collect(new BatchLoader(patches(6), options(settings)));
    const sequential = await collect(
      new BatchLoader(patches(6), options({ ...settings, order: "sequential" })),
    );
    const byIndex = (batches: PatchBatch[]) =>
      [...batches].sort((a, b) => (a.indices[0] ?? 0) - (b.indices[0] ?? 0)).map((batch) => batch.images);
    expect(byIndex(shuffled)).toEqual(byIndex(sequential));
  });

  it("augments a repeated sample anew", async () => {
    const loader = new BatchLoader(
      patches(10),
      options({ order: "balanced", augmentation: defaultAugmentation, batchSize: 1 }),
    );
    const batches = await collect(loader);
    const drawn = batches.map((batch) => batch.indices[0]);
    const twice = drawn.find((index, position) => drawn.indexOf(index) < position);
    const repeated = batches.filter((batch) => batch.indices[0] === twice);
    expect(repeated).toHaveLength(2);
    expect(repeated[0]?.images).not.toEqual(repeated[1]?.images);
    expect(batches.filter((batch) => batch.labels[0] === 1)).toHaveLength(5);
  });

  it("drops, keeps or pads the last batch", async () => {
    const sizes = async (lastBatch: BatchLoaderOptions["lastBatch"]) => {
      const loader = new BatchLoader(patches(10), options({ lastBatch, order: "sequential" }));
      const batches = await collect(loader);
      expect(batches).toHaveLength(loader.batchesPerEpoch);
      return batches;
    };
    expect((await sizes("drop")).map((batch) => batch.size)).toEqual([4, 4]);
    expect((await sizes("keep")).map((batch) => batch.size)).toEqual([4, 4, 2]);
    const padded = (await sizes("pad"))[2];
    expect(padded?.indices).toEqual([8, 9, 0, 1]);
    expect([...(padded?.weights ?? [])]).toEqual([1, 1, 0, 0]);
    expect(padded?.images).toHaveLength(4 * 3 * 8 * 8);
    expect([...(padded?.labels ?? [])]).toEqual([0, 1, 1, 0]);
  });

  it("pads a dataset smaller than half a batch", async () => {
    const [batch] = await collect(new BatchLoader(patches(1), options({ lastBatch: "pad" })));
    expect(batch?.indices).toEqual([0, 0, 0, 0]);
    expect([...(batch?.weights ?? [])]).toEqual([1, 0, 0, 0]);
  });

  it("decodes each patch once while it fits the cache", async () => {
    let decoded = 0;
    const counting = (patch: LoadablePatch) => {
      decoded++;
      return load(patch);
    };
    const roomy = new BatchLoader(patches(10), options({ load: counting }));
    await collect(roomy, 0);
    await collect(roomy, 1);
    expect(decoded).toBe(10);
    decoded = 0;
    const narrow = new BatchLoader(patches(10), options({ load: counting, cacheBytes: 3 * 192 }));
    await collect(narrow, 0);
    await collect(narrow, 1);
    expect(decoded).toBeGreaterThan(14);
  });

  it("reports a patch that cannot be read when its batch is due, not before", async () => {
    const failing = (patch: LoadablePatch) =>
      patch.id === "patch-5"
        ? Promise.reject(new EpSamError("input-image", { what: "is truncated", where: patch.imagePath }))
        : load(patch);
    const loader = new BatchLoader(
      patches(12),
      options({ load: failing, order: "sequential", batchSize: 2, prefetch: 4 }),
    );
    const seen: number[] = [];
    const work = async () => {
      for await (const batch of loader.epoch(0)) {
        seen.push(...batch.indices);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    expect(await errorOf(work())).toContain("[input-image] /nowhere/patch-5.png: is truncated");
    expect(seen).toEqual([0, 1, 2, 3]);
  });

  it("names a patch of another size", async () => {
    const uneven = async (patch: LoadablePatch): Promise<RgbImage> =>
      patch.id === "patch-2" ? { width: 4, height: 8, data: new Uint8Array(96) } : load(patch);
    const loader = new BatchLoader(patches(4), options({ load: uneven, order: "sequential" }));
    expect(await errorOf(collect(loader))).toContain(
      "[dataset] /nowhere/patch-2.png: the patch is 4×8 pixels, but patch-0 is 8×8",
    );
  });

  it("refuses a batch size of 0", () => {
    expect(() => new BatchLoader(patches(4), options({ batchSize: 0 }))).toThrow(/batch size/);
  });
});
