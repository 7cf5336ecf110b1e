import { EventEmitter, once } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage, jpegPage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff, long } from "../../scripts/fixtures/tiff-writer.js";
import { RandomStream } from "../../src/common/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { openSlide, type PixelSource, TileCache } from "../../src/slides/index.js";
import { readTiles, type TileGrid } from "../../src/slides/region.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const files = temporaryDirectory();
const image = picture(300, 205);

async function open(
  name: string,
  leaveOut: readonly number[] = [],
  tileCache?: TileCache,
): Promise<PixelSource> {
  const path = await files.write(name, buildTiff([deflatePage(image, 64, [], leaveOut)]));
  return openSlide(path, { tileCache });
}

function at(x: number, y: number, width: number, height: number, level = 0) {
  return { origin: { space: "level-0", x, y } as const, level, width, height };
}

/** What a region of a picture on an endless white ground looks like. */
function crop(source: RgbImage, x: number, y: number, width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height * 3).fill(255);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const [sourceX, sourceY] = [x + column, y + row];
      if (sourceX < 0 || sourceY < 0 || sourceX >= source.width || sourceY >= source.height) continue;
      const from = (sourceY * source.width + sourceX) * 3;
      data.set(source.data.subarray(from, from + 3), (row * width + column) * 3);
    }
  }
  return data;
}

describe("regions", () => {
  it("are the slide's pixels on a white ground, wherever they lie", async () => {
    const slide = await open("regions.tif");
    const random = new RandomStream(1, "regions");
    for (let draw = 0; draw < 60; draw++) {
      const [x, y] = [random.integer(500) - 100, random.integer(400) - 100];
      const [width, height] = [1 + random.integer(180), 1 + random.integer(180)];
      const { data } = await slide.readRegion(at(x, y, width, height));
      expect(Buffer.compare(data, crop(image, x, y, width, height)), `${x},${y} ${width}×${height}`).toBe(0);
    }
    await slide.close();
  });

  it("are put into memory that is given, one after another, where it is large enough", async () => {
    const slide = await open("memory.tif");
    const memory = new Uint8Array(90 * 80 * 3);
    for (const [x, y, width, height] of [
      [10, 20, 90, 80],
      [250, 150, 90, 80],
      [-30, -20, 60, 70],
      [400, 0, 90, 80],
      [0, 0, 91, 80],
    ] as const) {
      const { data } = await slide.readRegion(at(x, y, width, height), { memory });
      expect(Buffer.compare(data, crop(image, x, y, width, height)), `${x}, ${y}`).toBe(0);
      expect(data.buffer === memory.buffer).toBe(width <= 90);
    }
    await slide.close();
  });

  it.each([
    ["a level that is not there", at(0, 0, 10, 10, 1)],
    ["no size", at(0, 0, 0, 10)],
    ["half pixels", at(0.5, 0, 10, 10)],
    ["more than fits in memory", at(0, 0, 2 ** 20, 2 ** 20)],
  ])("refuses %s", async (_, region) => {
    const slide = await open("refusals.tif");
    await expect(slide.readRegion(region)).rejects.toMatchObject({ tag: "usage" });
    await slide.close();
  });

  it("shows missing tiles white and counts each once", async () => {
    const slide = await open("missing.tif", [1, 6]);
    expect(slide.warnings).toEqual([]);
    const { data } = await slide.readRegion(at(0, 0, 300, 205));
    const expected = crop(image, 0, 0, 300, 205);
    for (const [left, top] of [
      [64, 0],
      [64, 64],
    ] as const) {
      for (let y = top; y < top + 64; y++)
        expected.fill(255, (y * 300 + left) * 3, (y * 300 + left + 64) * 3);
    }
    expect(Buffer.compare(data, expected)).toBe(0);
    await slide.readRegion(at(0, 0, 300, 205));
    expect(slide.warnings).toEqual(["2 tiles that were read are missing from the file and shown white"]);
    await slide.close();
  });
});

describe("a lower level that lacks tiles", () => {
  async function openPyramid(name: string, lacking: readonly (readonly number[])[]): Promise<PixelSource> {
    const pages = [image, halved(image), halved(halved(image))].map((level, index) =>
      deflatePage(level, 64, index === 0 ? [] : [long(254, 1)], lacking[index] ?? []),
    );
    return openSlide(await files.write(name, buildTiff(pages)));
  }

  it("is drawn from the next finer one, or the one below that", async () => {
    const slide = await openPyramid("finer.tif", [[], [1], [0]]);
    const expected = [halved(image), halved(halved(image))];
    for (const [index, level] of expected.entries()) {
      const { data } = await slide.readRegion({ ...at(0, 0, level.width, level.height, index + 1) });
      const errors = data.map((value, place) => Math.abs(value - (level.data[place] ?? 0)));
      expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(8);
      expect(await slide.coverage?.(at(0, 0, level.width, level.height, index + 1))).toBe("finer");
    }
    expect(slide.warnings).toEqual([
      "2 tiles that were read are missing from the file and drawn from the next finer level",
    ]);
    expect(await slide.coverage?.(at(0, 0, 64, 64, 1))).toBe("stored");
    await slide.close();
  });

  it("is white where no level has pixels, which is known before they are read", async () => {
    const slide = await openPyramid("nowhere.tif", [[0, 1, 5, 6], [0], []]);
    const { data } = await slide.readRegion(at(0, 0, 64, 64, 1));
    expect(data.every((value) => value === 255)).toBe(true);
    expect(await slide.coverage?.(at(0, 0, 64, 64, 1))).toBe("missing");
    expect(await slide.coverage?.(at(0, 0, 150, 102, 1))).toBe("missing");
    expect(await slide.coverage?.(at(128, 0, 64, 64, 0))).toBe("stored");
    expect(await slide.coverage?.(at(0, 0, 75, 51, 2))).toBe("stored");
    expect(slide.warnings.join()).toMatch(/missing from the file and shown white/);
    await slide.close();
  });
});

describe("reading under way", () => {
  it("stops with the reason of the signal", async () => {
    const slide = await open("abort.tif");
    const controller = new AbortController();
    const reading = slide.readRegion(at(0, 0, 300, 205), { signal: controller.signal });
    controller.abort(new Error("the user went away"));
    await expect(reading).rejects.toThrow("the user went away");
    await expect(slide.readRegion(at(0, 0, 9, 9), { signal: controller.signal })).rejects.toThrow(
      "went away",
    );
    expect((await slide.readRegion(at(0, 0, 9, 9))).data).toEqual(crop(image, 0, 0, 9, 9));
    await slide.close();
  });

  it("stops when the slide is closed", async () => {
    const slide = await open("close.tif");
    const reading = slide.readRegion(at(0, 0, 300, 205));
    const failure = expect(reading).rejects.toMatchObject({ tag: "usage" });
    await slide.close();
    await failure;
    await expect(slide.readRegion(at(0, 0, 9, 9))).rejects.toMatchObject({ tag: "usage" });
    await slide.close();
  });

  it("keeps the cache within its bytes, and frees it", async () => {
    const tileCache = new TileCache(5 * 64 * 64 * 3);
    const slide = await open("cache.tif", [], tileCache);
    const [one, other] = await Promise.all([
      slide.readRegion(at(0, 0, 300, 205)),
      slide.readRegion(at(0, 0, 300, 205)),
    ]);
    expect(Buffer.compare(one.data, image.data)).toBe(0);
    expect(Buffer.compare(other.data, image.data)).toBe(0);
    expect(tileCache.bytes).toBeLessThanOrEqual(tileCache.limit);
    expect(tileCache.bytes).toBeGreaterThan(3 * 64 * 64 * 3);
    await slide.close();
    expect(tileCache.bytes).toBe(0);
  });
});

describe("buffers of tiles that left the cache", () => {
  it("are used again without harm to regions read before or meanwhile", async () => {
    const path = await files.write("recycled.tif", buildTiff([await jpegPage(image, 32)]));
    const reference = await openSlide(path, { tileCache: new TileCache(2 ** 24) });
    const whole = await reference.readRegion(at(0, 0, 300, 205));
    await reference.close();
    const slide = await openSlide(path, { tileCache: new TileCache(3 * 32 * 32 * 3) });
    const random = new RandomStream(2, "recycled");
    const kept: { data: Uint8Array; expected: Uint8Array }[] = [];
    for (let round = 0; round < 20; round++) {
      const places = Array.from({ length: 4 }, () => [random.integer(250), random.integer(160)] as const);
      const regions = await Promise.all(places.map(([x, y]) => slide.readRegion(at(x, y, 70, 60))));
      regions.forEach(({ data }, index) => {
        const [x, y] = places[index] ?? [0, 0];
        kept.push({ data, expected: crop(whole, x, y, 70, 60) });
      });
    }
    for (const { data, expected } of kept) expect(Buffer.compare(data, expected)).toBe(0);
    await slide.close();
  });
});

describe("regions drawn at random", () => {
  it("are read in part to the pixels of the whole, until tiles are come back to", async () => {
    const large = picture(2048, 1100);
    const path = await files.write("parts.tif", buildTiff([await jpegPage(large, 64)]));
    const whole = await openSlide(path, { tileCache: new TileCache(0) });
    const expected = await whole.readRegion(at(0, 0, 2048, 1100));
    await whole.close();
    const tileCache = new TileCache();
    const slide = await openSlide(path, { tileCache });
    const random = new RandomStream(5, "parts");
    // Every tile once, in no order: nobody comes back.
    const places = random.shuffled(Array.from({ length: 32 * 17 }, (_, index) => index));
    let kept = 0;
    for (const [index, place] of places.entries()) {
      const [x, y] = [
        64 * (place % 32) + random.integer(30),
        64 * Math.floor(place / 32) + random.integer(30),
      ];
      const size = [1 + random.integer(33), 1 + random.integer(33)] as const;
      const { data } = await slide.readRegion(at(x, y, ...size));
      expect(Buffer.compare(data, crop(expected, x, y, ...size)), `${x}, ${y}`).toBe(0);
      if (index === 300) kept = tileCache.bytes;
    }
    expect(kept).toBeGreaterThan(0);
    expect(tileCache.bytes).toBe(kept);
    // Now the same place again and again.
    for (let round = 0; round < 20; round++) await slide.readRegion(at(500 + round, 500, 40, 40));
    expect(tileCache.bytes).toBeGreaterThan(kept);
    const { data } = await slide.readRegion(at(505, 470, 100, 90));
    expect(Buffer.compare(data, crop(expected, 505, 470, 100, 90))).toBe(0);
    await slide.close();
  });
});

it("memory that is given is left alone once a read has failed", async () => {
  const signals = new EventEmitter();
  const late = once(signals, "finish");
  const grid: TileGrid = {
    width: 20,
    height: 10,
    tileWidth: 10,
    tileHeight: 10,
    async readTile(column, _row, _wanted, place) {
      if (column === 0) throw new Error("damaged");
      await late;
      place.data.fill(7, place.offset, place.offset + 30);
      return "placed";
    },
  };
  const memory = new Uint8Array(20 * 10 * 3);
  const reading = readTiles(grid, { left: 0, top: 0, width: 20, height: 10 }, undefined, memory);
  const failure = reading.catch((cause: unknown) => String(cause));
  expect(await Promise.race([failure, turn("still at work")])).toBe("still at work");
  signals.emit("finish");
  expect(await failure).toContain("damaged");
  expect(memory.includes(7)).toBe(true);
});
