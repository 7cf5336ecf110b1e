import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { rasterOf, type TiledRaster, writePyramidTiff } from "../../src/inference/export/index.js";
import { openSlide } from "../../src/slides/index.js";
import { describeWithOpenSlide, OpenSlideReader } from "../support/openslide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const files = temporaryDirectory();
const options = { micronsPerPixel: { x: 0.243, y: 0.25 }, reduction: "mean", description: "a test" } as const;

/** Blobs of foreground on zeros. */
function blobs(width: number, height: number, count: number): Uint8Array {
  const random = new RandomStream(7, "blobs");
  const data = new Uint8Array(width * height);
  for (let blob = 0; blob < count; blob++) {
    const [x, y, radius] = [random.uniform(0, width), random.uniform(0, height), random.uniform(5, 60)];
    for (let row = Math.max(0, Math.floor(y - radius)); row < Math.min(height, y + radius); row++) {
      for (let column = Math.max(0, Math.floor(x - radius)); column < Math.min(width, x + radius); column++) {
        if (Math.hypot(column - x, row - y) < radius) data[row * width + column] = 40 + blob;
      }
    }
  }
  return data;
}

/** How many values differ; far faster than comparing arrays of millions by `toEqual`. */
function differences(one: Uint8Array, other: Uint8Array): number {
  let count = Math.abs(one.length - other.length);
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) count++;
  return count;
}

/** Every third value from `first` on: one channel. */
function channel(rgb: Uint8Array, first: number): Uint8Array {
  const values = new Uint8Array(Math.floor(rgb.length / 3));
  for (let at = 0; at < values.length; at++) values[at] = rgb[3 * at + first] ?? 0;
  return values;
}

/** The grey values of a whole level through our own reader. */
async function readLevel(path: string, level: number): Promise<{ width: number; grey: Uint8Array }> {
  const source = await openSlide(path);
  try {
    const size = source.levels[level];
    if (size === undefined) throw new Error(`no level ${level}`);
    const origin = { space: "level-0", x: 0, y: 0 } as const;
    const image = await source.readRegion({ origin, level, width: size.width, height: size.height });
    return { width: size.width, grey: channel(image.data, 0) };
  } finally {
    await source.close();
  }
}

function means(data: Uint8Array, width: number, height: number): Uint8Array {
  const columns = Math.floor(width / 2);
  return Uint8Array.from({ length: columns * Math.floor(height / 2) }, (_, pixel) => {
    const at = 2 * Math.floor(pixel / columns) * width + 2 * (pixel % columns);
    const sum = [at, at + 1, at + width, at + width + 1].reduce(
      (total, from) => total + (data[from] ?? 0),
      0,
    );
    return Math.floor((sum + 2) / 4);
  });
}

describe("writePyramidTiff", () => {
  it("writes every level so that our reader gets the values back", async () => {
    const [width, height] = [1337, 1021];
    const data = blobs(width, height, 12);
    const path = files.path("levels.tif");
    const raster = rasterOf({ width, height, data }, 4, 256);
    expect(await writePyramidTiff(path, raster, options)).toMatchObject({ levels: 4 });
    expect(differences((await readLevel(path, 0)).grey, data)).toBe(0);
    const second = means(data, width, height);
    expect(differences((await readLevel(path, 1)).grey, second)).toBe(0);
    expect(differences((await readLevel(path, 2)).grey, means(second, 668, 510))).toBe(0);
    const third = means(means(second, 668, 510), 334, 255);
    expect(differences((await readLevel(path, 3)).grey, third)).toBe(0);
  });

  it("keeps the microns per pixel, times the raster's downsample", async () => {
    const path = files.path("resolution.tif");
    await writePyramidTiff(path, rasterOf({ width: 40, height: 30, data: blobs(40, 30, 1) }, 8, 64), options);
    const source = await openSlide(path);
    expect(source.micronsPerPixel?.x).toBeCloseTo(0.243 * 8, 7);
    expect(source.micronsPerPixel?.y).toBeCloseTo(0.25 * 8, 7);
    await source.close();
  });

  it("says nothing of a resolution that is unknown", async () => {
    const path = files.path("unknown.tif");
    const raster = rasterOf({ width: 40, height: 30, data: blobs(40, 30, 1) }, 8, 64);
    await writePyramidTiff(path, raster, { ...options, micronsPerPixel: null });
    const source = await openSlide(path);
    expect(source.micronsPerPixel).toBeNull();
    await source.close();
  });

  it.each([
    ["majority", [9, 9, 0, 0], 9],
    ["majority", [0, 0, 0, 9], 0],
    ["majority", [9, 0, 0, 9], 9],
    ["majority", [1, 9, 3, 9], 9],
    ["nearest", [5, 9, 9, 9], 5],
    ["mean", [1, 2, 3, 5], 3],
  ] as const)("reduces by %s: %j to %i", async (reduction, square, expected) => {
    const width = 64;
    const data = Uint8Array.from({ length: width * width }, (_, pixel) => {
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      return square[2 * (y % 2) + (x % 2)] ?? 0;
    });
    const path = files.path(`${reduction}-${square.join("-")}.tif`);
    await writePyramidTiff(path, rasterOf({ width, height: width, data }, 1, 32), { ...options, reduction });
    expect(new Set((await readLevel(path, 1)).grey)).toEqual(new Set([expected]));
  });

  it("stores tiles of zeros once, so that a slide of nothing is small and memory does not grow with it", async () => {
    const raster: TiledRaster = {
      width: 60_000,
      height: 100_000,
      tileSize: 512,
      downsample: 1,
      readTile: async () => null,
    };
    const path = files.path("nothing.tif");
    const before = process.memoryUsage().arrayBuffers;
    const { bytes, levels } = await writePyramidTiff(path, raster, options);
    expect(levels).toBe(9);
    // Twelve bytes a tile, 200 x 120 tiles and a third more.
    expect(bytes).toBeLessThan(450_000);
    // A tile for each place would be 8e9; garbage that waits, 0.1e9 here, depends on the machine.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e9);
    const source = await openSlide(path);
    expect(source.levels).toHaveLength(9);
    const origin = { space: "level-0", x: 59_000, y: 99_000 } as const;
    const region = await source.readRegion({ origin, level: 0, width: 10, height: 10 });
    expect(new Set(region.data)).toEqual(new Set([0]));
    await source.close();
  });

  it("gives equal bytes for equal rasters", async () => {
    const raster = rasterOf({ width: 300, height: 200, data: blobs(300, 200, 3) }, 4, 64);
    await writePyramidTiff(files.path("one.tif"), raster, options);
    await writePyramidTiff(files.path("two.tif"), raster, options);
    expect(await readFile(files.path("one.tif"))).toEqual(await readFile(files.path("two.tif")));
  });

  it("leaves no file behind when the raster fails, and the older file as it was", async () => {
    const path = await files.write("kept.tif", "older");
    const raster: TiledRaster = {
      width: 100,
      height: 100,
      tileSize: 64,
      downsample: 1,
      readTile: async () => Promise.reject(new RangeError("broken raster")),
    };
    await expect(writePyramidTiff(path, raster, options)).rejects.toThrow("broken raster");
    expect(await readFile(path, "utf8")).toBe("older");
    expect((await readdir(dirname(path))).filter((name) => name.includes("kept.tif"))).toEqual(["kept.tif"]);
  });

  it("writes a single pixel and a single column", async () => {
    for (const [width, height] of [
      [1, 1],
      [1, 300],
      [300, 1],
    ] as const) {
      const path = files.path(`${width}x${height}.tif`);
      const data = Uint8Array.from({ length: width * height }, (_, pixel) => 1 + (pixel % 255));
      await writePyramidTiff(path, rasterOf({ width, height, data }, 1, 64), options);
      expect(differences((await readLevel(path, 0)).grey, data)).toBe(0);
    }
  });
});

describeWithOpenSlide("writePyramidTiff, read by OpenSlide", () => {
  const reader = new OpenSlideReader();
  afterAll(() => reader.close());

  it("opens as generic tiled TIFF with all levels, resolution and values", async () => {
    const [width, height] = [1501, 2203];
    const data = blobs(width, height, 30);
    const path = files.path("openslide.tif");
    await writePyramidTiff(path, rasterOf({ width, height, data }, 4, 512), options);
    const description = await reader.describe(path);
    if ("error" in description) throw new Error(description.error);
    expect(description.properties["openslide.vendor"]).toBe("generic-tiff");
    expect(description.properties["tiff.ResolutionUnit"]).toBe("centimeter");
    expect(Number(description.properties["tiff.XResolution"])).toBeCloseTo(10_000 / (0.243 * 4), 2);
    expect(description.properties["tiff.ImageDescription"]).toBe("a test");
    expect(description.dimensions).toEqual([
      [1501, 2203],
      [750, 1101],
      [375, 550],
      [187, 275],
    ]);
    const rgb = await reader.readRegion({ path, level: 0, x: 0, y: 0, width, height });
    expect(differences(channel(rgb, 1), data)).toBe(0);
    const second = await reader.readRegion({ path, level: 1, x: 0, y: 0, width: 750, height: 1101 });
    expect(differences(channel(second, 2), means(data, width, height))).toBe(0);
  });
});
