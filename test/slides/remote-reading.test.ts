import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bytesAsFile, RangeServer } from "../../scripts/fixtures/range-server.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff, long } from "../../scripts/fixtures/tiff-writer.js";
import { configureRemoteSlides, openSlide, TileCache } from "../../src/slides/index.js";
import { openDiskBlocks } from "../../src/slides/remote/disk-cache.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { cropWhite, expectSameImage, failureOf, noiseImage, readLevel, region } from "./made-up.js";

const files = temporaryDirectory();
const server = new RangeServer();
const patience = { attempts: 4, pause: 1, silence: 300, total: 3000 };
/** Noise, so that no tile is smaller than its pixels: 12 KiB each. */
const image = noiseImage(640, 512);
const slide = buildTiff([deflatePage(image, 64)], { big: true });
const TILE_BYTES = 64 * 64 * 3;

beforeAll(() => server.start());
afterAll(() => server.close());
beforeEach(() => {
  server.fault = null;
  server.forget();
  configureRemoteSlides({ patience });
});

/** A level as its pyramid's others. */
function plain(side: number) {
  return { width: side, height: side, data: new Uint8Array(side * side * 3).fill(180) };
}

let served = 0;

/** The slide under a name that nobody has read yet. */
function fresh(bytes: Uint8Array = slide): string {
  return server.add(`/fresh-${served++}.tif`, bytes);
}

function open(address: string) {
  return openSlide(address, { tileCache: new TileCache() });
}

describe("a slide on a server", () => {
  it("has the pixels of the same file on this machine", async () => {
    const source = await open(fresh());
    expectSameImage(await readLevel(source, 0), image);
    await source.close();
  });

  it("moves the bytes of the tiles that are wanted, and neighbours in one request", async () => {
    const source = await open(fresh());
    await source.readRegion(region(0, 0, 8, 8));
    server.forget();
    // Five tiles of two rows each, which lie together.
    expectSameImage(
      await source.readRegion(region(130, 200, 300, 100)),
      cropWhite(image, 130, 200, 300, 100),
    );
    expect(server.requests).toHaveLength(2);
    expect(server.bytes).toBeLessThan(1.3 * 10 * TILE_BYTES);
    server.forget();
    await source.readRegion(region(140, 210, 280, 80));
    expect(server.requests).toHaveLength(0);
    await source.close();
  });

  it("is opened with few requests, and again with none", async () => {
    const levels = [640, 320, 160].map((side) =>
      deflatePage(plain(side), 64, [long(254, side < 640 ? 1 : 0)]),
    );
    const address = fresh(buildTiff(levels, { big: true }));
    const source = await open(address);
    expect(source.levels).toHaveLength(3);
    // The head, then a directory and the offsets of tiles of each level at most.
    expect(server.requests.length).toBeLessThanOrEqual(1 + 3 * levels.length);
    await source.close();
    server.forget();
    await (await open(address)).close();
    expect(server.requests).toHaveLength(0);
  });

  it("shows nothing secret, and sends it", async () => {
    const plain = fresh();
    const address = `${plain.replace("//", "//user:p%40ss@")}?sig=very-secret`;
    const source = await open(address);
    expect(source.path).toBe(plain);
    const [first] = server.requests;
    expect(first?.query.get("sig")).toBe("very-secret");
    expect(first?.headers.authorization).toBe(`Basic ${Buffer.from("user:p@ss").toString("base64")}`);
    await source.close();
    const other = await failureOf(open(`${plain}?sig=another`));
    expect(other.tag).toBe("usage");
    expect(other.message).not.toMatch(/secret|another/);
  });

  it("is known by its decoded name", async () => {
    const source = await open(server.add("/ä b/Übung 1.tif", slide));
    expect(source.path).toBe(`${server.address}/ä b/Übung 1.tif`);
    await source.close();
  });

  it("warns where the server tells no version", async () => {
    const address = fresh();
    server.add(new URL(address).pathname, bytesAsFile(slide, null));
    const source = await open(address);
    expect(source.warnings.join()).toContain("neither ETag nor Last-Modified");
    await source.close();
  });

  it("is read from the disk by the next process, where that was asked for", async () => {
    const cacheFolder = await files.folder();
    configureRemoteSlides({ patience, cacheFolder, cacheGigabytes: 1 });
    const address = fresh();
    const source = await open(address);
    expectSameImage(await readLevel(source, 0), image);
    await source.close();
    const version = { size: slide.length, etag: server.versionOf(address), modified: null };
    const kept = await openDiskBlocks(address, version);
    const [[, block] = []] = (await kept?.read([100])) ?? [];
    expect(Buffer.compare(block ?? Buffer.alloc(0), slide.subarray(100 * 4096, 101 * 4096))).toBe(0);
    await kept?.rest();
  });
});

describe("formats that others read", () => {
  it.each([
    ["scan.ndpi", Buffer.from("II*\0        ")],
    ["scan.mrxs", Buffer.from("\xff\xd8\xff", "latin1")],
    ["scan.dzi", Buffer.from('<?xml version="1.0"?><Image TileSize="256"/>')],
    ["scan.dcm", Buffer.concat([Buffer.alloc(128), Buffer.from("DICM")])],
  ])("%s must be on this machine", async (name, bytes) => {
    const failure = await failureOf(open(server.add(`/${name}`, bytes)));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toContain("must be on this machine");
  });
});
