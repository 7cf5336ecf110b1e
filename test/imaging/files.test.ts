import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crc32, type EpSamError, isEpSamError } from "../../src/common/index.js";
import {
  decodeRgb,
  encodePng,
  readMask,
  readRgbImage,
  writeMaskPng,
  writePng,
} from "../../src/imaging/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { noiseImage, noiseMask } from "./made-up.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsam-imaging-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

async function failure(promise: Promise<unknown>): Promise<EpSamError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (isEpSamError(thrown)) return thrown;
  throw new Error(`expected an EpSamError, got ${String(thrown)}`);
}

function greyPng(values: readonly number[], bits: 8 | 16 = 8): Promise<Buffer> {
  const raw = { width: values.length, height: 1, channels: 1 } as const;
  const samples = bits === 8 ? Uint8Array.from(values) : Uint16Array.from(values);
  return sharp(samples, { raw })
    .toColourspace(bits === 8 ? "b-w" : "grey16")
    .png()
    .toBuffer();
}

function rgbPng(width: number, values: readonly number[]): Promise<Buffer> {
  return sharp(Uint8Array.from(values), { raw: { width, height: 1, channels: 3 } })
    .png()
    .toBuffer();
}

/** A TIFF of one pixel, a 32-bit real number. */
function realTiff(): Uint8Array {
  // Width, height, bits, compression, photometric, strip offset, samples, rows, strip bytes, sample format.
  const tags = { 256: 1, 257: 1, 258: 32, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 4, 339: 3 };
  const entries = Object.entries(tags);
  const directory = 12;
  const view = new DataView(new ArrayBuffer(directory + 2 + entries.length * 12 + 4));
  view.setUint32(0, 0x49492a00);
  view.setUint32(4, directory, true);
  view.setFloat32(8, 0.5, true);
  view.setUint16(directory, entries.length, true);
  for (const [index, [tag, value]] of entries.entries()) {
    const at = directory + 2 + index * 12;
    view.setUint16(at, Number(tag), true);
    view.setUint16(at + 2, 4, true);
    view.setUint32(at + 4, 1, true);
    view.setUint32(at + 8, value, true);
  }
  return new Uint8Array(view.buffer);
}

describe("reading images", () => {
  const image = noiseImage(37, 23);
  const raw = { width: 37, height: 23, channels: 3 } as const;

  it.each(["png", "tiff", "webp"] as const)("reads lossless %s exactly", async (format) => {
    const bytes = await sharp(image.data, { raw })
      .toFormat(format, format === "tiff" ? { compression: "lzw" } : { lossless: true })
      .toBuffer();
    expect(await readRgbImage(await file(`image.${format}`, bytes))).toEqual(image);
  });

  it("names the size of an image that is too large, and what can be done", async () => {
    const bytes = await sharp(image.data, { raw }).png().toBuffer();
    bytes.writeUInt32BE(20_000, 16);
    bytes.writeUInt32BE(20_000, 20);
    const path = await file("large.png", bytes);
    const message = await readRgbImage(path).then(String, String);
    expect(message).toMatch(/large\.png: is too large .*20000 × 20000 pixels.*vips tiffsave/);
    expect(await readMask(path).then(String, String)).toMatch(/20000 × 20000 pixels.*annotations/);
  });

  it("reads JPEG with the right size", async () => {
    const bytes = await sharp(image.data, { raw }).jpeg().toBuffer();
    expect(await decodeRgb(bytes, "image.jpg")).toMatchObject({ width: 37, height: 23 });
  });

  it("refuses samples of 12 bits in 16, which would come out black", async () => {
    const raw = { width: 2, height: 1, channels: 3 } as const;
    const samples = Uint16Array.of(4080, 3000, 3900, 4095, 2000, 3800);
    const dark = await sharp(samples, { raw }).toColourspace("rgb16").png().toBuffer();
    expect((await failure(decodeRgb(dark, "camera.png"))).message).toMatch(
      /camera\.png: is nearly black as 16-bit samples \(the brightest is 4095 of 65535.*8-bit RGB/,
    );
  });

  it("refuses several pictures of one size, and reads a pyramid's largest", async () => {
    const { width, height, data } = noiseImage(64, 48);
    const raw = { width, height: height / 2, channels: 3, pageHeight: height / 2 } as const;
    const frames = await sharp(data, { raw: { ...raw, height } })
      .webp({ lossless: true, loop: 0 })
      .toBuffer();
    expect((await failure(decodeRgb(frames, "frames.webp"))).message).toMatch(
      /frames\.webp: holds 2 pictures of one size \(nothing tells which/,
    );
    const levels = await sharp(data, { raw: { width, height, channels: 3 } })
      .tiff({ tile: true, tileWidth: 16, tileHeight: 16, pyramid: true, compression: "deflate" })
      .toBuffer();
    expect(await decodeRgb(levels, "levels.tif")).toEqual({ width, height, data });
  });

  it("refuses transparent pixels where colours are learned from", async () => {
    const raw = { width: 2, height: 1, channels: 4 } as const;
    const png = (alpha: number) =>
      sharp(Uint8Array.of(10, 20, 30, 255, 0, 0, 0, alpha), { raw })
        .png()
        .toBuffer();
    expect((await failure(decodeRgb(await png(0), "cut.png", { opaque: true }))).message).toMatch(
      /cut\.png: has transparent pixels .*on a white background/,
    );
    const opaque = await decodeRgb(await png(255), "whole.png", { opaque: true });
    expect(opaque.data).toEqual(Uint8Array.of(10, 20, 30, 0, 0, 0));
  });

  it("repeats grey, drops alpha, divides 16 bits by 256", async () => {
    expect((await decodeRgb(await greyPng([0, 7, 255]), "grey")).data).toEqual(
      Uint8Array.of(0, 0, 0, 7, 7, 7, 255, 255, 255),
    );
    expect((await decodeRgb(await greyPng([0, 511, 65535], 16), "grey 16")).data).toEqual(
      Uint8Array.of(0, 0, 0, 1, 1, 1, 255, 255, 255),
    );
    const rgba = await sharp(Uint8Array.of(10, 20, 30, 0), { raw: { width: 1, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect((await decodeRgb(rgba, "alpha")).data).toEqual(Uint8Array.of(10, 20, 30));
    const rgb16 = await sharp(Uint16Array.of(256, 65535, 1000), { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await decodeRgb(rgb16, "rgb 16")).data).toEqual(Uint8Array.of(1, 255, 3));
  });

  it.each(["png", "jpeg", "tiff", "webp"] as const)(
    "refuses an orientation tag in %s, since masks may be turned or not",
    async (format) => {
      const turned = sharp(image.data, { raw }).withMetadata({ orientation: 6 });
      const error = await failure(decodeRgb(await turned.toFormat(format).toBuffer(), "turned"));
      expect(error.fields).toMatchObject({ what: "has an orientation tag", where: "turned" });
      expect(error.fields.why).toMatch(/turned by 90° \(orientation 6\)/);
    },
  );

  it("reads an orientation tag that says upright", async () => {
    const bytes = await sharp(image.data, { raw }).withMetadata({ orientation: 1 }).png().toBuffer();
    expect(await decodeRgb(bytes, "upright")).toEqual(image);
  });

  it.each(["jpeg", "tiff"] as const)("refuses the colours of print in %s", async (format) => {
    const bytes = await sharp(image.data, { raw }).toColourspace("cmyk").toFormat(format).toBuffer();
    const error = await failure(decodeRgb(bytes, "print"));
    expect(error.fields.what).toBe("is in the colours of print (CMYK)");
  });

  it("writes PNG that reads back the same, leaving nothing else behind", async () => {
    const path = join(folder, "written", "image.png");
    await writePng(path, image);
    expect(await readRgbImage(path)).toEqual(image);
    expect(await readdir(join(folder, "written"))).toEqual(["image.png"]);
  });

  it("encodes grey images with one channel", async () => {
    const bytes = await encodePng({ width: 2, height: 1, data: Uint8Array.of(3, 200) });
    expect((await sharp(bytes).metadata()).channels).toBe(1);
  });
});

describe("unreadable images", () => {
  const image = noiseImage(64, 64);
  const raw = { width: 64, height: 64, channels: 3 } as const;

  it("names a missing file and what to do", async () => {
    const path = join(folder, "absent.png");
    const error = await failure(readRgbImage(path));
    expect(error.tag).toBe("input-image");
    expect(error.fields).toMatchObject({ what: "does not exist", where: path });
    expect(error.fields.action).toMatch(/Check the path/);
  });

  it("says that a directory cannot be read", async () => {
    const error = await failure(readRgbImage(folder));
    expect(error.fields.what).toBe("cannot be read");
  });

  it("says that a file is empty", async () => {
    const error = await failure(readRgbImage(await file("empty.png", "")));
    expect(error.fields.what).toBe("is an empty file");
  });

  it.each(["png", "jpeg", "tiff", "webp"] as const)("refuses truncated %s", async (format) => {
    const bytes = await sharp(image.data, { raw }).toFormat(format).toBuffer();
    const path = await file(`truncated.${format}`, bytes.subarray(0, Math.floor(bytes.length * 0.6)));
    const error = await failure(readRgbImage(path));
    expect(error.tag).toBe("input-image");
    expect(error.fields.where).toBe(path);
    expect(error.fields.why).toBeTruthy();
    expect(error.fields.action).toMatch(/export it again/);
  });

  it("refuses text, SVG and real-valued TIFF", async () => {
    expect((await failure(readRgbImage(await file("text.png", "hello")))).fields.why).toMatch(/format/);
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"></svg>';
    expect((await failure(readRgbImage(await file("drawing.svg", svg)))).fields.why).toMatch(/svg/);
    expect((await failure(readRgbImage(await file("real.tif", realTiff())))).fields.why).toMatch(/float/);
  });
});

describe("reading masks", () => {
  it.each([
    ["0 and 1", [0, 1, 0], [0, 1, 0]],
    ["0 and 255", [0, 255, 255], [0, 1, 1]],
    ["0 alone", [0, 0], [0, 0]],
    ["1 alone", [1, 1], [1, 1]],
    ["255 alone", [255, 255], [1, 1]],
  ])("accepts %s", async (name, values, expected) => {
    const mask = await readMask(await file(`${name}.png`, await greyPng(values)));
    expect([...mask.data]).toEqual(expected);
  });

  it.each([1, 255, 65535])("accepts 0 and %d at 16 bits", async (foreground) => {
    const mask = await readMask(await file(`deep-${foreground}.png`, await greyPng([0, foreground], 16)));
    expect([...mask.data]).toEqual([0, 1]);
  });

  it("accepts three equal channels", async () => {
    const path = await file("equal.png", await rgbPng(2, [0, 0, 0, 255, 255, 255]));
    expect([...(await readMask(path)).data]).toEqual([0, 1]);
  });

  it("lists the values of a mask that is not binary, and what can be said about it", async () => {
    const path = await file("labels.png", await greyPng([0, 1, 2, 7]));
    const error = await failure(readMask(path));
    expect(error.tag).toBe("input-mask");
    expect(error.fields).toMatchObject({ where: path, why: "it holds 4 values: 0, 1, 2, 7" });
    expect(error.fields.action).toMatch(/instance masks.*threshold/);
    expect([...(await readMask(path, { instances: true })).data]).toEqual([0, 1, 1, 1]);
    expect([...(await readMask(path, { threshold: 2 })).data]).toEqual([0, 0, 1, 1]);
  });

  it("refuses 0, 1 and 255 together, which no one meant", async () => {
    const error = await failure(readMask(await file("mixed.png", await greyPng([0, 1, 255]))));
    expect(error.fields.why).toContain("0, 1, 255");
  });

  it("refuses a photograph, unless its colours are instances", async () => {
    const path = await file("colours.png", await rgbPng(3, [0, 0, 0, 0, 90, 0, 7, 0, 0]));
    expect((await failure(readMask(path))).fields.why).toBe("it holds the colour (0, 90, 0)");
    expect([...(await readMask(path, { instances: true })).data]).toEqual([0, 1, 1]);
  });

  describe("with an alpha channel", () => {
    const rgba = (values: readonly number[], format: "png" | "webp" | "tiff" = "png") =>
      sharp(Uint8Array.from(values), { raw: { width: values.length / 4, height: 1, channels: 4 } })
        .toFormat(format, format === "tiff" ? { compression: "lzw" } : { lossless: true })
        .toBuffer();

    it.each(["png", "webp", "tiff"] as const)("refuses transparent pixels in %s", async (format) => {
      const bytes = await rgba([255, 255, 255, 255, 255, 255, 255, 0], format);
      const path = await file(`alpha.${format}`, bytes);
      for (const options of [{}, { instances: true }, { threshold: 128 }]) {
        const error = await failure(readMask(path, options));
        expect(error.fields).toMatchObject({ what: "has transparent pixels", where: path });
      }
    });

    it("refuses transparent pixels of 16 bits and of a palette", async () => {
      const deep = await sharp(await rgba([0, 0, 0, 254, 9, 9, 9, 255]))
        .toColourspace("rgb16")
        .png()
        .toBuffer();
      const palette = await sharp(await rgba([0, 0, 0, 0, 255, 255, 255, 255]))
        .png({ palette: true })
        .toBuffer();
      for (const [name, bytes] of Object.entries({ deep, palette })) {
        const error = await failure(readMask(await file(`${name}.png`, bytes)));
        expect(error.fields.what).toBe("has transparent pixels");
      }
    });

    it("reads the colours where every pixel is opaque", async () => {
      const path = await file("opaque.png", await rgba([255, 255, 255, 255, 0, 0, 0, 255]));
      expect([...(await readMask(path)).data]).toEqual([1, 0]);
    });
  });

  describe("with a palette", () => {
    const drawn = async () =>
      sharp(Uint8Array.from([0, 0, 1, 1, 2, 2].flatMap((value) => [127 * value, 127 * value, 127 * value])), {
        raw: { width: 6, height: 1, channels: 3 },
      })
        .png({ palette: true, dither: 0 })
        .toBuffer();
    /** The same numbers of colours with other colours. */
    const recoloured = async (colourOf: (entry: number) => number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(await drawn());
      const view = new DataView(bytes.buffer);
      const at = Buffer.from(bytes).indexOf("PLTE");
      const length = view.getUint32(at - 4);
      for (let byte = 0; byte < length; byte++) bytes[at + 4 + byte] = colourOf(Math.floor(byte / 3));
      view.setUint32(at + 4 + length, crc32(bytes.subarray(at, at + 4 + length)));
      return bytes;
    };

    it("whose colours are all black is refused, not taken for a mask without tumour", async () => {
      const path = await file("black.png", await recoloured(() => 0));
      for (const options of [{}, { instances: true }, { threshold: 1 }]) {
        const error = await failure(readMask(path, options));
        expect(error.tag).toBe("input-mask");
        expect(error.fields.what).toContain("one colour");
        expect(error.fields.why).toMatch(/numbers [01] and [12], and both are \(0, 0, 0\)/);
      }
    });

    it("with a colour for every number is read by its colours", async () => {
      const path = await file("colours.png", await drawn());
      expect([...(await readMask(path, { instances: true })).data]).toEqual([0, 0, 1, 1, 1, 1]);
      expect([...(await readMask(path, { threshold: 200 })).data]).toEqual([0, 0, 0, 0, 1, 1]);
    });
  });

  describe("compressed with loss", () => {
    const disc = Uint8Array.from({ length: 64 * 64 }, (_, at) =>
      (at % 64) ** 2 + Math.floor(at / 64) ** 2 < 2500 ? 255 : 0,
    );
    const drawn = () => sharp(disc, { raw: { width: 64, height: 64, channels: 1 } });
    const files = {
      "mask.jpg": () => drawn().jpeg({ quality: 60 }).toBuffer(),
      "mask.webp": () => drawn().webp({ quality: 40 }).toBuffer(),
      "mask.tif": () => drawn().tiff({ compression: "jpeg", quality: 60 }).toBuffer(),
    };

    it.each(Object.entries(files))("%s: noise is no foreground", async (name, encode) => {
      const path = await file(name, await encode());
      for (const options of [{ instances: true }, { threshold: 1 }, { threshold: 240 }]) {
        const error = await failure(readMask(path, options));
        expect(error.fields.what).toBe("is compressed with loss");
      }
      expect((await failure(readMask(path))).fields.action).toMatch(/PNG.*threshold of 128/);
      const { data } = await readMask(path, { threshold: 128 });
      const wrong = data.filter((value, at) => value !== (disc[at] === 255 ? 1 : 0)).length;
      expect(wrong).toBeLessThan(40);
    });

    it("reads lossless WebP and TIFF as PNG", async () => {
      for (const bytes of [
        await drawn().webp({ lossless: true }).toBuffer(),
        await drawn().tiff({ compression: "lzw" }).toBuffer(),
      ]) {
        const { data } = await readMask(await file("lossless", bytes), { instances: true });
        expect(data.every((value, at) => value === (disc[at] === 255 ? 1 : 0))).toBe(true);
      }
    });
  });

  it("refuses another size than the image's", async () => {
    const path = await file("small.png", await greyPng([0, 255, 0]));
    const error = await failure(readMask(path, { expectedSize: { width: 4, height: 1 } }));
    expect(error.tag).toBe("input-mask");
    expect(error.fields.why).toBe("the mask is 3x1, the image 4x1");
    expect((await readMask(path, { expectedSize: { width: 3, height: 1 } })).width).toBe(3);
  });

  it("tags a missing or truncated mask as a mask", async () => {
    expect((await failure(readMask(join(folder, "no-mask.png")))).tag).toBe("input-mask");
    const bytes = await greyPng(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 256));
    expect((await failure(readMask(await file("cut.png", bytes.subarray(0, 900))))).tag).toBe("input-mask");
  });

  it("writes masks as 0 and 255 that read back the same", async () => {
    const mask = noiseMask(19, 31);
    const path = join(folder, "mask.png");
    await writeMaskPng(path, mask);
    expect(await readMask(path)).toEqual(mask);
    expect(new Set((await readRgbImage(path)).data)).toEqual(new Set([0, 255]));
    expect((await sharp(path).metadata()).channels).toBe(1);
  });
});

describeWithShared("real images and masks", ["data/glas/images", "data/camelyon/masks"], () => {
  it.each(["glas", "camelyon"])("%s: masks read and fit their images", async (name) => {
    const images = (await readdir(sharedPath("data", name, "images"))).slice(0, 4);
    for (const imageName of images) {
      const image = await readRgbImage(sharedPath("data", name, "images", imageName));
      const candidates = await readdir(sharedPath("data", name, "masks"));
      const stem = imageName.replace(/\.[^.]+$/, "");
      const maskName = candidates.find((candidate) => candidate.replace(/\.[^.]+$/, "") === stem);
      if (maskName === undefined) continue;
      const mask = await readMask(sharedPath("data", name, "masks", maskName), { expectedSize: image });
      expect(mask.data.length * 3).toBe(image.data.length);
    }
  });
});
