import { readdir, readFile, stat, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fromFloat16, RandomStream, toFloat16 } from "../../src/common/index.js";
import {
  EmbeddingCache,
  type EmbeddingCacheOptions,
  type EmbeddingKey,
  hashImage,
} from "../../src/dataset/index.js";
import { errorOf, recordingReporter, temporaryFolder, writeText } from "./fixtures.js";

const disk = vi.hoisted(() => ({ full: false }));

vi.mock("../../src/common/index.js", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/common/index.js")>();
  const writeFileAtomically = async (path: string, data: Uint8Array | string) => {
    if (!disk.full) return original.writeFileAtomically(path, data);
    const failure = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    throw original.storageError(path, failure);
  };
  return { ...original, writeFileAtomically };
});

const ELEMENTS = 64;
const FILE_BYTES = 16 + ELEMENTS * 4;

function key(number: number, variant = 0): EmbeddingKey {
  return {
    image: hashImage({ width: 1, height: 1, data: Uint8Array.of(number, 0, 0) }),
    encoder: "abc123",
    variant,
  };
}

function embedding(name: string | number): Float32Array {
  const random = new RandomStream(0, "embedding", name);
  return Float32Array.from({ length: ELEMENTS }, () => random.normal());
}

async function openCache(
  directory: string,
  changes: Partial<EmbeddingCacheOptions> = {},
): Promise<EmbeddingCache> {
  return EmbeddingCache.open({
    directory,
    maximumBytes: 1e6,
    precision: "float32",
    elements: ELEMENTS,
    ...changes,
  });
}

async function filesBelow(directory: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  const files: string[] = [];
  for (const name of names) {
    if ((await stat(join(directory, name))).isFile()) files.push(join(directory, name));
  }
  return files;
}

async function onlyFile(directory: string): Promise<string> {
  const files = await filesBelow(directory);
  expect(files).toHaveLength(1);
  return files[0] ?? "";
}

it("refuses what half precision would make infinite, by the encoder's name", async () => {
  const directory = await temporaryFolder();
  const large = embedding("a");
  large[5] = 70_000;
  const cache = await openCache(directory, { precision: "float16", encoderName: "uni2-h" });
  expect(await errorOf(cache.getOrCompute(key(1), async () => large))).toMatch(
    /uni2-h: gives the value 70000.*half precision.*cache.precision to float32/,
  );
  expect(await filesBelow(directory)).toEqual([]);
  const exact = await openCache(directory);
  expect((await exact.getOrCompute(key(1), async () => large))[5]).toBe(70_000);
});

describe("hashImage", () => {
  it("depends on pixels and size", () => {
    const data = Uint8Array.from({ length: 36 }, (_, i) => i);
    const hash = hashImage({ width: 4, height: 3, data });
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(hashImage({ width: 4, height: 3, data: data.slice() })).toBe(hash);
    expect(hashImage({ width: 3, height: 4, data })).not.toBe(hash);
    expect(hashImage({ width: 4, height: 3, data: data.with(7, 99) })).not.toBe(hash);
  });
});

describe("EmbeddingCache", () => {
  it("returns what was put, by image, encoder and variant, also after a restart", async () => {
    const directory = await temporaryFolder();
    const cache = await openCache(directory);
    expect(await cache.get(key(1))).toBeUndefined();
    expect(await cache.put(key(1), embedding("a"))).toBe(true);
    await cache.put(key(1, 3), embedding("b"));
    await cache.put({ ...key(1), encoder: "def456" }, embedding("c"));
    const reopened = await openCache(directory);
    expect(await reopened.get(key(1))).toEqual(embedding("a"));
    expect(await reopened.get(key(1, 3))).toEqual(embedding("b"));
    expect(await reopened.get({ ...key(1), encoder: "def456" })).toEqual(embedding("c"));
    expect(await reopened.get(key(2))).toBeUndefined();
    expect(reopened.statistics).toMatchObject({ hits: 3, misses: 1, entries: 3, bytes: 3 * FILE_BYTES });
  });

  it("reads into the caller's array", async () => {
    const cache = await openCache(await temporaryFolder());
    await cache.put(key(1), embedding("a"));
    const whole = new Float32Array(2 * ELEMENTS);
    const part = whole.subarray(ELEMENTS);
    expect(await cache.get(key(1), part)).toBe(part);
    expect(whole.slice(ELEMENTS)).toEqual(embedding("a"));
    expect(whole.slice(0, ELEMENTS).every((value) => value === 0)).toBe(true);
  });

  it("keeps halves in half the space and gives the same numbers computed and read", async () => {
    const directory = await temporaryFolder();
    const cache = await openCache(directory, { precision: "float16" });
    const computed = await cache.getOrCompute(key(1), async () => embedding("a"));
    expect(computed).toEqual(fromFloat16(toFloat16(embedding("a"))));
    expect(await cache.get(key(1))).toEqual(computed);
    expect((await stat(await onlyFile(directory))).size).toBe(16 + 2 * ELEMENTS);
  });

  it("does not mix precisions in one directory", async () => {
    const directory = await temporaryFolder();
    await (await openCache(directory, { precision: "float16" })).put(key(1), embedding("a"));
    expect(await (await openCache(directory)).get(key(1))).toBeUndefined();
  });

  it("computes once for simultaneous callers, and again after a failure", async () => {
    const cache = await openCache(await temporaryFolder());
    let computations = 0;
    const failing = cache.getOrCompute(key(1), () => Promise.reject(new Error("encoder broke")));
    await expect(failing).rejects.toThrow("encoder broke");
    const compute = async () => {
      computations++;
      return embedding("a");
    };
    const results = await Promise.all([1, 2, 3].map(() => cache.getOrCompute(key(1), compute)));
    expect(computations).toBe(1);
    for (const result of results) expect(result).toEqual(embedding("a"));
    await cache.getOrCompute(key(1), compute);
    expect(computations).toBe(1);
  });

  it("stays below its bound and drops the least recently used", async () => {
    const directory = await temporaryFolder();
    const cache = await openCache(directory, { maximumBytes: 5 * FILE_BYTES });
    for (let number = 0; number < 5; number++) await cache.put(key(number), embedding(number));
    expect(await cache.get(key(0))).toEqual(embedding(0));
    await cache.put(key(5), embedding(5));
    expect(await cache.get(key(0))).toEqual(embedding(0));
    expect(await cache.get(key(1))).toBeUndefined();
    expect(cache.statistics.evictions).toBeGreaterThan(0);
    for (let number = 6; number < 20; number++) {
      await cache.put(key(number), embedding(number));
      expect((await filesBelow(directory)).length).toBeLessThanOrEqual(5);
    }
    expect(await cache.get(key(19))).toEqual(embedding(19));
    expect(cache.statistics.bytes).toBe((await filesBelow(directory)).length * FILE_BYTES);
  });

  it("remembers the order of use over a restart, and evicts at once under a smaller bound", async () => {
    const directory = await temporaryFolder();
    const cache = await openCache(directory);
    for (let number = 0; number < 4; number++) await cache.put(key(number), embedding(number));
    await cache.get(key(0));
    const smaller = await openCache(directory, { maximumBytes: 2 * FILE_BYTES });
    expect(smaller.statistics).toMatchObject({ entries: 2, evictions: 2 });
    expect(await smaller.get(key(0))).toEqual(embedding(0));
    expect(await smaller.get(key(3))).toEqual(embedding(3));
    expect(await smaller.get(key(1))).toBeUndefined();
  });

  it.each<[string, (path: string) => Promise<void>, RegExp]>([
    ["truncated", (path) => truncate(path, FILE_BYTES - 4), /268 bytes instead of 272/],
    ["of another format", (path) => overwrite(path, 0, 0x99), /header/],
    ["changed in one bit", (path) => overwrite(path, 100, 0x01), /checksum/],
    ["empty", (path) => truncate(path, 0), /0 bytes/],
  ])("deletes an entry that is %s with a warning and computes it again", async (_, damage, reason) => {
    const directory = await temporaryFolder();
    const reporter = recordingReporter();
    const cache = await openCache(directory, { reporter });
    await cache.put(key(1), embedding("a"));
    const path = await onlyFile(directory);
    await damage(path);
    expect(await cache.get(key(1))).toBeUndefined();
    expect(await filesBelow(directory)).toEqual([]);
    expect(reporter.warnings).toHaveLength(1);
    expect(reporter.warnings[0]).toMatch(reason);
    expect(reporter.warnings[0]).toContain(path);
    expect(await cache.getOrCompute(key(1), async () => embedding("a"))).toEqual(embedding("a"));
    expect(await cache.get(key(1))).toEqual(embedding("a"));
    expect(cache.statistics).toMatchObject({ damaged: 1, entries: 1, bytes: FILE_BYTES });
  });

  it("uses embeddings that do not fit on the disk, and warns once", async () => {
    const directory = await temporaryFolder();
    const reporter = recordingReporter();
    const cache = await openCache(directory, { reporter });
    disk.full = true;
    expect(await cache.getOrCompute(key(1), async () => embedding("a"))).toEqual(embedding("a"));
    expect(await cache.put(key(2), embedding("b"))).toBe(false);
    disk.full = false;
    expect(reporter.warnings).toHaveLength(1);
    expect(reporter.warnings[0]).toMatch(/used but not kept \(ENOSPC/);
    expect(cache.statistics).toMatchObject({ writes: 0, entries: 0, bytes: 0 });
    expect(await cache.put(key(2), embedding("b"))).toBe(true);
  });

  it("keeps nothing when it may hold nothing", async () => {
    const directory = await temporaryFolder();
    const reporter = recordingReporter();
    const cache = await openCache(directory, { maximumBytes: 0, reporter });
    expect(await cache.getOrCompute(key(1), async () => embedding("a"))).toEqual(embedding("a"));
    expect(await filesBelow(directory)).toEqual([]);
    expect(reporter.warnings).toHaveLength(1);
  });

  it("is safe with several writers of one directory", async () => {
    const directory = await temporaryFolder();
    const maximumBytes = 12 * FILE_BYTES;
    const caches = await Promise.all([0, 1, 2].map(() => openCache(directory, { maximumBytes })));
    await Promise.all(
      Array.from({ length: 60 }, async (_, step) => {
        const cache = caches[step % 3];
        const number = (step * 7) % 20;
        const result = await cache?.getOrCompute(key(number), async () => embedding(number));
        expect(result).toEqual(embedding(number));
      }),
    );
    const files = await filesBelow(directory);
    expect(files.filter((path) => path.endsWith(".tmp"))).toEqual([]);
    const last = await openCache(directory, { maximumBytes });
    expect(last.statistics.bytes).toBeLessThanOrEqual(maximumBytes);
    for (let number = 0; number < 20; number++) {
      const kept = await last.get(key(number));
      if (kept !== undefined) expect(kept).toEqual(embedding(number));
    }
    expect(last.statistics.hits).toBe(last.statistics.entries);
    expect(last.statistics.hits).toBeGreaterThan(0);
    expect(last.statistics.damaged).toBe(0);
  });

  it("removes what a killed writer left, but not what may be being written", async () => {
    const directory = await temporaryFolder();
    const [old, young] = [join(directory, "abc123", ".x.1.tmp"), join(directory, "abc123", ".y.2.tmp")];
    await writeText(old, "half");
    await writeText(young, "half");
    await utimes(old, 1e9, 1e9);
    const cache = await openCache(directory);
    expect(await filesBelow(directory)).toEqual([young]);
    expect(cache.statistics.entries).toBe(0);
  });

  it("refuses keys that could leave the directory, arrays of another size and unusable directories", async () => {
    const directory = await temporaryFolder();
    const cache = await openCache(directory);
    for (const bad of [
      { encoder: "../up" },
      { encoder: "" },
      { image: "a/b" },
      { variant: 8 },
      { variant: 0.5 },
    ]) {
      expect(await errorOf(cache.get({ ...key(1), ...bad }))).toContain("[internal]");
    }
    expect(await errorOf(cache.put(key(1), new Float32Array(3)))).toContain("3 values");
    await writeText(join(directory, "file"), "");
    expect(await errorOf(openCache(join(directory, "file")))).toContain("[storage]");
  });
});

async function overwrite(path: string, offset: number, mask: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ mask;
  await writeFile(path, bytes);
}
