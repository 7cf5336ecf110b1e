import { describe, expect, it } from "vitest";
import { openSlide } from "../../src/slides/index.js";
import { processorStopwatch } from "../support/processor-time.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import {
  cropWhite,
  decode,
  encode,
  expectSameImage,
  failureOf,
  gradientImage,
  noiseImage,
  readLevel,
  region,
} from "./made-up.js";

const files = temporaryDirectory();

describe("plain images", () => {
  it.each([
    ["png", "PNG image"],
    ["webp", "WebP image"],
    ["jpeg", "JPEG image"],
  ] as const)("%s is a slide of one level", async (format, name) => {
    const bytes = await encode(noiseImage(1300, 90), format);
    const slide = await openSlide(await files.write(`image.${format}`, bytes));
    expect(slide.format).toBe(name);
    expect(slide.levels).toEqual([
      { width: 1300, height: 90, downsample: 1, tileSize: { width: 1024, height: 1024 } },
    ]);
    expect([slide.micronsPerPixel, slide.objectivePower]).toEqual([null, null]);
    const decoded = await decode(bytes);
    expectSameImage(await readLevel(slide, 0), decoded);
    expectSameImage(await slide.readRegion(region(1000, -3, 500, 20)), cropWhite(decoded, 1000, -3, 500, 20));
    expect(await slide.readCompressedTile?.(0, 1, 0)).toBeNull();
    await slide.close();
  });

  it("a region in another form is refused with the form that is wanted", async () => {
    const slide = await openSlide(await files.write("form.png", await encode(noiseImage(20, 10), "png")));
    // As callers without types may write it.
    const flat = JSON.parse('{ "x": 0, "y": 0, "width": 4, "height": 4, "level": 0 }');
    expect(await failureOf(slide.readRegion(flat))).toMatchObject({
      tag: "usage",
      fields: {
        why: "it has x, y, width, height, level",
        action: expect.stringContaining('{ origin: { space: "level-0", x, y }, level, width, height }'),
      },
    });
    const { origin, width, height } = region(0, 0, 4, 4);
    const unlevelled = JSON.parse(JSON.stringify({ origin, width, height }));
    expect(await failureOf(slide.readRegion(unlevelled))).toMatchObject({
      fields: { why: "it has origin, width, height" },
    });
    await slide.close();
  });

  it("a TIFF of a single page in strips is one, too", async () => {
    const image = noiseImage(200, 90);
    const slide = await openSlide(await files.write("strips.tif", await encode(image, "tiff")));
    expect(slide.levels.map(({ width, height }) => [width, height])).toEqual([[200, 90]]);
    await slide.close();
  });

  it("BMP, which has no other reader, too", async () => {
    const image = noiseImage(3, 2);
    const head = Buffer.alloc(54);
    head.write("BM");
    head.writeUInt32LE(54, 10);
    head.writeUInt32LE(40, 14);
    head.writeInt32LE(3, 18);
    head.writeInt32LE(-2, 22);
    head.writeUInt16LE(1, 26);
    head.writeUInt16LE(24, 28);
    const rows = [0, 1].map((y) => {
      const row = Buffer.alloc(12);
      for (let x = 0; x < 3; x++) {
        for (let channel = 0; channel < 3; channel++) {
          row[x * 3 + 2 - channel] = image.data[(y * 3 + x) * 3 + channel] ?? 0;
        }
      }
      return row;
    });
    const slide = await openSlide(await files.write("image.bmp", Buffer.concat([head, ...rows])));
    expect(slide.format).toBe("BMP image");
    expectSameImage(await readLevel(slide, 0), image);
    await slide.close();
  });

  it("is recognised by its content, not by its name", async () => {
    const slide = await openSlide(await files.write("misnamed.svs", await encode(noiseImage(20, 10))));
    expect(slide.format).toBe("PNG image");
    await slide.close();
  });
});

describe("hostile plain images", () => {
  const bomb = async (): Promise<Buffer> => {
    const bytes = await encode(gradientImage(20, 20));
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    return bytes;
  };
  const hugeBitmap = async (): Promise<Buffer> => {
    const bytes = Buffer.alloc(100);
    bytes.write("BM");
    bytes.writeInt32LE(2 ** 30, 18);
    bytes.writeInt32LE(2 ** 30, 22);
    return bytes;
  };
  it.each([
    ["a PNG that claims 3600 million pixels", bomb, /too large to be read as a plain image.*vips tiffsave/],
    ["a bitmap that claims 2^60 pixels", hugeBitmap, /too large to be read as a plain image/],
    ["a bitmap cut in its header", async () => Buffer.from("BM12345678"), /header is cut short/],
    [
      "a bitmap without pixels",
      async () => Buffer.concat([Buffer.from("BM"), Buffer.alloc(98)]),
      /cannot be decoded/,
    ],
    ["a PNG cut short", async () => (await encode(noiseImage(40, 40))).subarray(0, 900), /cannot be decoded/],
    [
      "a PNG without a header",
      async () => (await encode(noiseImage(9, 9))).subarray(0, 12),
      /is a damaged image/,
    ],
    [
      "a JPEG cut short",
      async () => (await encode(noiseImage(40, 40), "jpeg")).subarray(0, 700),
      /cannot be decoded/,
    ],
    ["a JPEG of three bytes", async () => Buffer.from([0xff, 0xd8, 0xff]), /is a damaged image/],
  ] as const)("%s", async (name, make, message) => {
    const path = await files.write(name.replaceAll(/\W/g, "-"), await make());
    const seconds = processorStopwatch();
    const failure = await failureOf(openSlide(path));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toMatch(message);
    expect(seconds()).toBeLessThan(1);
  });

  it("pixels are let go when it is closed", async () => {
    const slide = await openSlide(await files.write("closing.png", await encode(noiseImage(20, 20))));
    await slide.close();
    await expect(slide.readRegion(region(0, 0, 5, 5))).rejects.toMatchObject({ tag: "usage" });
  });
});
