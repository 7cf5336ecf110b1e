import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type TiffOptions } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asSharp, picture } from "../../scripts/fixtures/pictures.js";
import { openSlide } from "../../src/slides/index.js";

const image = picture(613, 407);
let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "epsam-tiff-"));
});
afterAll(() => rm(directory, { recursive: true }));

const tiles = { tile: true, tileWidth: 128, tileHeight: 112 } as const;
const pyramid = { ...tiles, pyramid: true } as const;
const cases: readonly (readonly [string, TiffOptions])[] = [
  ["uncompressed strips", { compression: "none" }],
  ["uncompressed tiles", { compression: "none", ...tiles }],
  ["LZW strips", { compression: "lzw", predictor: "none" }],
  ["LZW strips of differences", { compression: "lzw", predictor: "horizontal" }],
  ["LZW pyramid of differences", { compression: "lzw", predictor: "horizontal", ...pyramid }],
  ["deflate strips", { compression: "deflate", predictor: "none" }],
  ["deflate pyramid of differences", { compression: "deflate", predictor: "horizontal", ...pyramid }],
  ["deflate pyramid, BigTIFF", { compression: "deflate", ...pyramid, bigtiff: true }],
  ["PackBits strips", { compression: "packbits" }],
  ["JPEG strips, 4:4:4", { compression: "jpeg", quality: 95 }],
  ["JPEG strips, 4:2:0", { compression: "jpeg", quality: 60 }],
  ["JPEG pyramid, 4:4:4", { compression: "jpeg", quality: 92, ...pyramid }],
  ["JPEG pyramid, 4:2:0, BigTIFF", { compression: "jpeg", quality: 70, ...pyramid, bigtiff: true }],
  ["WebP pyramid", { compression: "webp", quality: 80, ...pyramid }],
];

describe("TIFF files written by libtiff read as libtiff reads them", () => {
  it.each(cases)("%s", async (name, options) => {
    const path = join(directory, `${name.replaceAll(/\W+/g, "-")}.tif`);
    await asSharp(image).tiff(options).toFile(path);
    const slide = await openSlide(path);
    expect(slide.format).toBe("TIFF");
    expect(slide.levels.length).toBe(options.pyramid === true ? 4 : 1);
    for (const [index, level] of slide.levels.entries()) {
      expect(level.downsample).toBe(2 ** index);
      const origin = { space: "level-0", x: 0, y: 0 } as const;
      const { data } = await slide.readRegion({
        origin,
        level: index,
        width: level.width,
        height: level.height,
      });
      const expected = await sharp(path, { page: index }).raw().toBuffer();
      expect(Buffer.compare(data, expected), `level ${index}`).toBe(0);
    }
    await slide.close();
  });
});
