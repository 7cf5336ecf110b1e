import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { encodeJpeg2000 } from "../../scripts/fixtures/pictures.js";
import { type RgbImage, resizeRgb } from "../../src/imaging/index.js";
import { openDicomSlide } from "../../src/slides/dicom/open-dicom.js";
import { readJpegHeader } from "../../src/slides/jpeg-header.js";
import { cutTiles, type DicomOptions, EXPLICIT, IMPLICIT, writeDicom } from "../support/dicom-writer.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import {
  cropWhite,
  decode,
  encode,
  expectSameImage,
  gradientImage,
  largestDifference,
  noiseImage,
  readLevel,
  region,
} from "./made-up.js";

/** Folders of their own, because files of a folder make one slide. */
const files = temporaryDirectory();

const TILE = { tileWidth: 48, tileHeight: 32 };

/** Options of a file that holds an image without loss. */
function lossless(image: RgbImage, options: Partial<DicomOptions> = {}): DicomOptions {
  const frames = cutTiles(image, TILE.tileWidth, TILE.tileHeight).map(({ data }) => data);
  const { width, height } = image;
  return { width, height, ...TILE, frames, transferSyntax: EXPLICIT, photometric: "RGB", ...options };
}

/** Options of a file with JPEG frames, and the image that the frames decode to. */
async function compressed(image: RgbImage, options: Partial<DicomOptions> = {}) {
  const tiles = cutTiles(image, TILE.tileWidth, TILE.tileHeight);
  const frames = await Promise.all(tiles.map((tile) => encode(tile, "jpeg")));
  const decoded = await Promise.all(frames.map(decode));
  const { width, height } = image;
  return {
    options: { width, height, ...TILE, frames, ...options },
    expected: joinTiles(decoded, width, height),
  };
}

function joinTiles(tiles: readonly RgbImage[], width: number, height: number): RgbImage {
  const columns = Math.ceil(width / TILE.tileWidth);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [column, row] = [Math.floor(x / TILE.tileWidth), Math.floor(y / TILE.tileHeight)];
      const tile = tiles[row * columns + column];
      const at = ((y - row * TILE.tileHeight) * TILE.tileWidth + (x - column * TILE.tileWidth)) * 3;
      data.set(tile?.data.subarray(at, at + 3) ?? [], (y * width + x) * 3);
    }
  }
  return { width, height, data };
}

async function openOne(options: DicomOptions) {
  return openDicomSlide(await writeDicom(join(await files.folder(), "slide.dcm"), options));
}

describeWithShared("a real DICOM level", ["data/slides/small_dicom.dcm"], () => {
  it("has the pixels that pydicom and Pillow read", async () => {
    // Written by test/slides/dicom-reference.py.
    const whole = "7572f170b8ecb4e667611f26f94f595520ae837e803f878c9b686d3d717eabbf";
    const part = "a8c0c409975a6bfab07ce3874a4b808c5da7bdacf32902f6e40b295bc8505046";
    const slide = await openDicomSlide(sharedPath("data/slides/small_dicom.dcm"));
    expect(slide.levels).toEqual([
      { width: 3236, height: 2638, downsample: 1, tileSize: { width: 500, height: 500 } },
    ]);
    expect(sha256(await readLevel(slide, 0))).toBe(whole);
    expect(sha256(await slide.readRegion(region(2700, 2300, 900, 700)))).toBe(part);
    expect(slide.warnings).toEqual([
      "the file does not say in which order its frames lie; taken column by column " +
        "(mean step at their seams 76.7 row by row, 7.2 column by column)",
      "Photometric Interpretation says RGB, the JPEG frames hold YCbCr",
    ]);
    await slide.close();
  });

  it("has no resolution, and the imaged volume is not taken for one", async () => {
    const slide = await openDicomSlide(sharedPath("data/slides/small_dicom.dcm"));
    expect(slide.micronsPerPixel).toBeNull();
    expect(slide.properties.ImagedVolumeWidth).toBe("15");
    expect(JSON.stringify(slide.properties)).not.toContain("TCGA");
    await slide.close();
  });
});

function sha256({ data }: RgbImage): string {
  return createHash("sha256").update(data).digest("hex");
}

describe("frames", () => {
  const image = noiseImage(130, 75);

  it.each([
    ["explicit types", { transferSyntax: EXPLICIT }],
    ["implicit types", { transferSyntax: IMPLICIT }],
    ["sequences with delimiters", { undefinedLengths: true }],
    ["implicit types and delimiters", { transferSyntax: IMPLICIT, undefinedLengths: true }],
  ])("are exact when uncompressed, with %s", async (_, options) => {
    const slide = await openOne(lossless(image, { spacing: [0.0005, 0.00025], ...options }));
    expectSameImage(await slide.readRegion(region(-9, 20, 150, 60)), cropWhite(image, -9, 20, 150, 60));
    expect(slide.micronsPerPixel).toEqual({ x: 0.25, y: 0.5 });
    expect(await slide.readCompressedTile?.(0, 0, 0)).toBeNull();
    await slide.close();
  });

  it("may hold one colour after another", async () => {
    const frames = cutTiles(image, TILE.tileWidth, TILE.tileHeight).map(({ data }) =>
      Buffer.concat([0, 1, 2].map((channel) => data.filter((_, index) => index % 3 === channel))),
    );
    const slide = await openOne(lossless(image, { frames, planar: 1 }));
    expectSameImage(await readLevel(slide, 0), image);
    await slide.close();
  });

  it("may be grey", async () => {
    const frames = cutTiles(image, TILE.tileWidth, TILE.tileHeight).map(({ data }) =>
      data.filter((_, index) => index % 3 === 0),
    );
    const slide = await openOne(lossless(image, { frames, samples: 1, photometric: "MONOCHROME2" }));
    const red = { ...image, data: image.data.map((_, index) => image.data[index - (index % 3)] ?? 0) };
    expectSameImage(await readLevel(slide, 0), red);
    await slide.close();
  });

  it.each([
    ["a basic offset table", { offsets: "basic" }],
    ["an extended offset table", { offsets: "extended" }],
    ["no offset table", { offsets: "none" }],
    ["a basic offset table and three fragments per frame", { offsets: "basic", fragments: 3 }],
    ["no offset table and three fragments per frame", { offsets: "none", fragments: 3 }],
  ] as const)("are found with %s", async (_, how) => {
    const { options, expected } = await compressed(gradientImage(130, 75), how);
    const slide = await openOne(options);
    expectSameImage(await readLevel(slide, 0), expected);
    await slide.close();
  });

  it("lie where a sparse image says, white where it has none", async () => {
    const options = lossless(image);
    const columns = Math.ceil(image.width / TILE.tileWidth);
    const kept = [7, 0, 4];
    const slide = await openOne({
      ...options,
      organization: "TILED_SPARSE",
      frames: kept.map((tile) => options.frames[tile] ?? new Uint8Array(0)),
      positions: kept.map((tile) => [
        (tile % columns) * TILE.tileWidth + 1,
        Math.floor(tile / columns) * TILE.tileHeight + 1,
      ]),
    });
    const whole = await readLevel(slide, 0);
    expectSameImage(cropWhite(whole, 0, 0, 48, 32), cropWhite(image, 0, 0, 48, 32));
    expectSameImage(cropWhite(whole, 48, 32, 48, 32), cropWhite(image, 48, 32, 48, 32));
    expectSameImage(cropWhite(whole, 48, 64, 48, 11), cropWhite(image, 48, 64, 48, 11));
    expect(cropWhite(whole, 48, 0, 48, 32).data.every((value) => value === 255)).toBe(true);
    await slide.close();
  });

  it.each(["YBR_RCT", "RGB"])("are exact in reversible JPEG 2000, called %s", async (photometric) => {
    const options = lossless(image);
    const tiles = cutTiles(image, TILE.tileWidth, TILE.tileHeight);
    const frames = await Promise.all(tiles.map(encodeJpeg2000));
    const slide = await openOne({
      ...options,
      frames,
      photometric,
      transferSyntax: "1.2.840.10008.1.2.4.90",
    });
    expectSameImage(await readLevel(slide, 0), image);
    expect(await slide.readCompressedTile?.(0, 0, 0)).toBeNull();
    await slide.close();
  });

  it("of further focal planes are left alone, with a warning", async () => {
    const options = lossless(image);
    const other = lossless(noiseImage(130, 75, 1)).frames;
    const slide = await openOne({ ...options, frames: [...options.frames, ...other], focalPlanes: 2 });
    expectSameImage(await readLevel(slide, 0), image);
    expect(slide.warnings).toEqual(["it has 2 focal planes; the first is read"]);
    await slide.close();
  });
});

describe("frames without a stated order", () => {
  const image = gradientImage(200, 120);
  const { frames, ...rest } = lossless(image, { organization: null });
  const columns = Math.ceil(image.width / TILE.tileWidth);
  const rows = Math.ceil(image.height / TILE.tileHeight);
  const byColumn = frames.map((_, index) => {
    const [column, row] = [Math.floor(index / rows), index % rows];
    return frames[row * columns + column] ?? new Uint8Array(0);
  });

  it.each([
    ["row by row", frames],
    ["column by column", byColumn],
  ])("are taken %s when that fits at the seams", async (order, ordered) => {
    const slide = await openOne({ ...rest, frames: ordered });
    expectSameImage(await readLevel(slide, 0), image);
    expect(slide.warnings).toHaveLength(1);
    expect(slide.warnings[0]).toContain(`does not say in which order its frames lie; taken ${order} (`);
    await slide.close();
  });

  it("are taken row by row when nothing tells, and that is said", async () => {
    const noise = noiseImage(200, 120);
    const slide = await openOne(lossless(noise, { organization: null }));
    expectSameImage(await readLevel(slide, 0), noise);
    expect(slide.warnings[0]).toMatch(/taken, though that cannot be told for sure, row by row/);
    await slide.close();
  });

  it("are believed when the order is stated, or when there is one row or column", async () => {
    const stated = await openOne({ ...rest, frames: byColumn, organization: "TILED_FULL" });
    expect(stated.warnings).toEqual([]);
    await stated.close();
    const narrow = noiseImage(200, 20);
    const single = await openOne(lossless(narrow, { organization: null }));
    expectSameImage(await readLevel(single, 0), narrow);
    expect(single.warnings).toEqual([]);
    await single.close();
  });
});

describe("colours of JPEG frames", () => {
  const tile = gradientImage(48, 32);
  const jpeg = async (subsampling: string): Promise<Buffer> => {
    const raw = sharp(tile.data, { raw: { width: 48, height: 32, channels: 3 } });
    const bytes = await raw.jpeg({ quality: 95, chromaSubsampling: subsampling }).toBuffer();
    // Sharp writes neither a JFIF nor an Adobe marker here, so nothing in the stream tells the colours.
    expect(readJpegHeader(bytes)).toMatchObject({ hasJfif: false, adobeTransform: null, components: 3 });
    return bytes;
  };
  const read = async (frame: Uint8Array, photometric: string) => {
    const slide = await openOne({ width: 48, height: 32, ...TILE, frames: [frame], photometric });
    const image = await readLevel(slide, 0);
    const stored = await slide.readCompressedTile?.(0, 0, 0);
    expectSameImage(await decode(stored?.bytes ?? new Uint8Array(0)), image);
    const warnings = [...slide.warnings];
    await slide.close();
    return { image, warnings };
  };

  it("follow Photometric Interpretation where the stream tells nothing", async () => {
    const bare = await jpeg("4:4:4");
    const asYcc = await read(bare, "YBR_FULL_422");
    expect(largestDifference(asYcc.image, tile)).toBeLessThan(12);
    const asRgb = await read(bare, "RGB");
    // The samples are luma and chroma: converting them by hand gives the picture again (ITU T.871).
    expect(largestDifference(fromYcc(asRgb.image), asYcc.image)).toBeLessThanOrEqual(1);
    expect(asRgb.warnings).toEqual([]);
  });

  it("are YCbCr where components are subsampled, whatever the attribute says", async () => {
    const bare = await jpeg("4:2:0");
    const { image, warnings } = await read(bare, "RGB");
    expectSameImage(image, await decode(bare));
    expect(warnings).toEqual(["Photometric Interpretation says RGB, the JPEG frames hold YCbCr"]);
  });
});

function fromYcc({ width, height, data }: RgbImage): RgbImage {
  const rgb = new Uint8Array(data.length);
  for (let index = 0; index < data.length; index += 3) {
    const [y = 0, cb = 0, cr = 0] = [...data.subarray(index, index + 3)];
    const red = y + 1.402 * (cr - 128);
    const green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128);
    const blue = y + 1.772 * (cb - 128);
    rgb.set(
      [red, green, blue].map((value) => Math.min(255, Math.max(0, Math.round(value)))),
      index,
    );
  }
  return { width, height, data: rgb };
}

describe("files of one series", () => {
  const full = noiseImage(200, 120);
  const half = resizeRgb(full, 100, 60, "bilinear");
  const quarter = resizeRgb(full, 50, 30, "bilinear");
  const label = noiseImage(40, 30, 3);

  async function writeSeries(): Promise<string> {
    const path = await files.folder();
    const spacing = [0.00025, 0.00025] as const;
    await writeDicom(join(path, "b.dcm"), lossless(full, { spacing, objectivePower: "40" }));
    await writeDicom(join(path, "a"), lossless(quarter));
    await writeDicom(join(path, "c.dcm"), lossless(half));
    await writeDicom(join(path, "d.dcm"), lossless(label, { flavour: "LABEL" }));
    await writeDicom(join(path, "e.dcm"), lossless(half, { flavour: "OVERVIEW" }));
    await writeDicom(join(path, "f.dcm"), lossless(noiseImage(400, 240), { series: "9.9" }));
    return path;
  }

  it("make the pyramid, found from any of them", async () => {
    const path = await writeSeries();
    for (const name of ["a", "b.dcm", "d.dcm"]) {
      const slide = await openDicomSlide(join(path, name));
      expect(slide.levels.map(({ width, downsample }) => [width, downsample])).toEqual([
        [200, 1],
        [100, 2],
        [50, 4],
      ]);
      expect(slide.micronsPerPixel).toEqual({ x: 0.25, y: 0.25 });
      expect(slide.objectivePower).toBe(40);
      expect(slide.warnings).toEqual([]);
      expectSameImage(await slide.readRegion(region(80, 40, 30, 20, 1)), cropWhite(half, 40, 20, 30, 20));
      expect([...slide.associatedImages].sort()).toEqual(["label", "macro"]);
      expectSameImage(await slide.readAssociatedImage("label"), label);
      expectSameImage(await slide.readAssociatedImage("macro"), half);
      await slide.close();
    }
  });

  it("are found in a folder that holds them alone", async () => {
    const path = await writeSeries();
    await rm(join(path, "f.dcm"));
    const slide = await openDicomSlide(path);
    expect(slide.levels).toHaveLength(3);
    expectSameImage(await readLevel(slide, 2), quarter);
    await slide.close();
  });

  it("do not take in a level that shows something else than the one above", async () => {
    const path = await files.folder();
    const main = await writeDicom(join(path, "main.dcm"), lossless(full));
    const other = await writeDicom(join(path, "other.dcm"), lossless(gradientImage(100, 60)));
    await writeDicom(join(path, "quarter.dcm"), lossless(quarter));
    const slide = await openDicomSlide(main);
    expect(slide.levels.map(({ width }) => width)).toEqual([200, 50]);
    expectSameImage(await readLevel(slide, 1), quarter);
    expect(slide.warnings).toEqual([
      `left out ${other}: it is stored as a level, but shows something else than the level above`,
    ]);
    await slide.close();
  });

  it("do not take in another field, another file of the same size, or a damaged one unnoticed", async () => {
    const path = await files.folder();
    const main = await writeDicom(join(path, "main.dcm"), lossless(full));
    await writeDicom(join(path, "other-field.dcm"), lossless(noiseImage(100, 90)));
    await writeDicom(join(path, "same-size.dcm"), lossless(noiseImage(200, 120, 5)));
    await writeDicom(join(path, "damaged.dcm"), lossless(half, { claimedFrames: "7000" }));
    const slide = await openDicomSlide(main);
    expect(slide.levels.map(({ width }) => width)).toEqual([200]);
    expectSameImage(await readLevel(slide, 0), full);
    expect(slide.warnings).toHaveLength(3);
    expect(slide.warnings.join("\n")).toMatch(/damaged.dcm: has fewer pixels than it claims/);
    expect(slide.warnings.join("\n")).toMatch(/same-size.dcm: another file has the same size/);
    expect(slide.warnings.join("\n")).toMatch(/other-field.dcm: it shows another field/);
    await slide.close();
  });

  it("may be parts of one level", async () => {
    const path = await files.folder();
    const { frames, ...rest } = lossless(full);
    const part = (first: number, end: number) => ({
      ...rest,
      frames: frames.slice(first, end),
      concatenation: { uid: "5.5", firstFrame: first },
    });
    await writeDicom(join(path, "1.dcm"), part(11, 20));
    await writeDicom(join(path, "2.dcm"), part(0, 7));
    await writeDicom(join(path, "3.dcm"), part(7, 11));
    const slide = await openDicomSlide(join(path, "1.dcm"));
    expectSameImage(await readLevel(slide, 0), full);
    await slide.close();
  });
});

describe("reading", () => {
  it("stops at the caller's signal, and after closing", async () => {
    const slide = await openOne(lossless(noiseImage(130, 75)));
    const reason = new Error("enough");
    await expect(slide.readRegion(region(0, 0, 10, 10), { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    await slide.close();
    await slide.close();
    await expect(slide.readRegion(region(0, 0, 10, 10))).rejects.toThrow(/was closed/);
  });

  it("refuses levels, tiles and associated images that are not there", async () => {
    const slide = await openOne(lossless(noiseImage(130, 75)));
    await expect(slide.readRegion(region(0, 0, 10, 10, 1))).rejects.toMatchObject({ tag: "usage" });
    await expect(slide.readCompressedTile?.(0, 3, 0)).rejects.toMatchObject({ tag: "usage" });
    await expect(slide.readAssociatedImage("label")).rejects.toMatchObject({ tag: "usage" });
    await slide.close();
  });
});
