import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDiskBlocks } from "../../src/slides/remote/disk-cache.js";
import { configureRemoteSlides } from "../../src/slides/remote/settings.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const BLOCK = 4096;
const files = temporaryDirectory();
const version = { size: 100 * BLOCK + 10, etag: '"1"', modified: null };

/** Blocks in which every byte tells the block. */
function bytesOf(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count * BLOCK }, (_, at) => first + Math.floor(at / BLOCK) + 1);
}

async function filesBelow(root: string): Promise<string[]> {
  const folders = await readdir(root);
  const lists = await Promise.all(
    folders.map(async (name) => (await readdir(join(root, name))).map((file) => join(root, name, file))),
  );
  return lists.flat();
}

async function opened(path = "https://example.org/a.tif") {
  const blocks = await openDiskBlocks(path, version);
  if (blocks === null) throw new Error("no cache");
  return blocks;
}

describe("blocks on disk", () => {
  it("are given to whoever opens the same version, and to nobody else", async () => {
    configureRemoteSlides({ cacheFolder: await files.folder(), cacheGigabytes: 1 });
    const writer = await opened();
    await writer.write(3, bytesOf(3, 2));
    await writer.write(100, Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9, 9, 9));
    const reader = await opened();
    const found = await reader.read([2, 3, 4, 100]);
    expect(found.map(([block, bytes]) => [block, bytes.length, bytes[0]])).toEqual([
      [3, BLOCK, 4],
      [4, BLOCK, 5],
      [100, 10, 9],
    ]);
    const other = await openDiskBlocks("https://example.org/a.tif", { ...version, etag: '"2"' });
    expect(await other?.read([3])).toEqual([]);
    await writer.rest();
    await reader.rest();
  });

  it("count as absent where they were not written whole", async () => {
    const cacheFolder = await files.folder();
    configureRemoteSlides({ cacheFolder, cacheGigabytes: 1 });
    const writer = await opened();
    await writer.write(3, bytesOf(3, 2));
    await writer.rest();
    const data = (await filesBelow(cacheFolder)).find((name) => name.endsWith(".data")) ?? "";
    const bytes = await readFile(data);
    bytes[10] = 0;
    await writeFile(data, bytes.subarray(0, BLOCK + 7));
    const reader = await opened();
    expect(await reader.read([3, 4])).toEqual([]);
    await reader.rest();
  });

  it("take no more room than was allowed; the oldest leave first", async () => {
    const cacheFolder = await files.folder();
    configureRemoteSlides({ cacheFolder, cacheGigabytes: (40 * BLOCK) / 1e9 });
    const writer = await opened();
    for (let block = 0; block < 90; block += 2) await writer.write(block, bytesOf(block, 2));
    const sizes = (await filesBelow(cacheFolder)).map(async (name) => (await stat(name)).size);
    const total = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThan(50 * BLOCK);
    expect((await writer.read([0, 89])).map(([block]) => block)).toEqual([89]);
    await writer.rest();
  });

  it("are not kept where no version is told, or nothing is to be kept", async () => {
    configureRemoteSlides({ cacheFolder: await files.folder(), cacheGigabytes: 1 });
    expect(await openDiskBlocks("a", { ...version, etag: null })).toBeNull();
    configureRemoteSlides({});
    expect(await openDiskBlocks("a", version)).toBeNull();
  });
});
