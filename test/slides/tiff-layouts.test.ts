import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { cutTiles, encodeJpeg2000, halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage, jpegPage, rgbFields } from "../../scripts/fixtures/slide-files.js";
import { ascii, buildTiff, long, short, type WrittenDirectory } from "../../scripts/fixtures/tiff-writer.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const files = temporaryDirectory();
const image = picture(300, 205);
const half = halved(image);

async function open(name: string, pages: readonly WrittenDirectory[], options = {}): Promise<PixelSource> {
  return openSlide(await files.write(name, buildTiff(pages, options)));
}

function expectSame(found: RgbImage, expected: RgbImage): void {
  expect([found.width, found.height]).toEqual([expected.width, expected.height]);
  expect(Buffer.compare(found.data, expected.data)).toBe(0);
}

async function readLevel(slide: PixelSource, level = 0): Promise<RgbImage> {
  const { width = 0, height = 0 } = slide.levels[level] ?? {};
  const region = await slide.readRegion({ origin: { space: "level-0", x: 0, y: 0 }, level, width, height });
  await slide.close();
  return region;
}

describe("byte orders, sizes of offsets and places of levels", () => {
  it.each([
    { name: "classic, little-endian" },
    { name: "classic, big-endian", bigEndian: true },
    { name: "BigTIFF, little-endian", big: true },
    { name: "BigTIFF, big-endian", big: true, bigEndian: true },
  ])("$name", async ({ name, ...options }) => {
    const level = deflatePage(half, 64, [long(254, 1)]);
    const slide = await open(`${name}.tif`, [deflatePage(image, 64), level], options);
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2]);
    expect(slide.levels[0]?.tileSize).toEqual({ width: 64, height: 64 });
    expectSame(await readLevel(slide, 1), half);
    expectSame(await readLevel(await openSlide(slide.path)), image);
  });

  it.each([{ big: false }, { big: true }])("levels in SubIFDs, $big", async ({ big }) => {
    const page = { ...deflatePage(image, 64), subDirectories: [deflatePage(half, 64, [long(254, 1)])] };
    const slide = await open(`sub-${big}.tif`, [page], { big });
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2]);
    expectSame(await readLevel(slide, 1), half);
  });

  it("leaves out pages of another field, and says so", async () => {
    const slide = await open("other.tif", [deflatePage(image, 64), deflatePage(picture(100, 100), 64)]);
    expect(slide.levels).toHaveLength(1);
    expect(slide.warnings).toEqual(["page 1: no levels of the first page, left out"]);
    await slide.close();
  });
});

describe("pages that are no levels", () => {
  const size = { width: 150, height: 102 };
  const values = (count: number, highest: number): Uint8Array =>
    Uint8Array.from({ length: count }, (_, at) => (at % 97 < 40 ? highest : 0));
  const marked = [long(254, 1)];
  const classMap = (more: WrittenDirectory["fields"] = [], photometric = 1): WrittenDirectory => ({
    fields: [
      ...[
        long(256, size.width),
        long(257, size.height),
        short(258, 8),
        short(259, 8),
        short(262, photometric),
      ],
      ...[short(277, 1), long(322, 160), long(323, 112), ...more],
    ],
    segments: [deflateSync(values(160 * 112, 1))],
  });
  const palette = short(320, ...Array.from({ length: 768 }, (_, at) => (at % 256) * 257));
  const painted = { ...size, data: values(size.width * size.height * 3, 255) };

  it.each([
    ["a grey class map", [deflatePage(image, 64), classMap()]],
    ["a grey class map that is marked as reduced", [deflatePage(image, 64), classMap(marked)]],
    ["a class map of a palette", [deflatePage(image, 64), classMap([palette], 3)]],
    ["a class map in colours", [deflatePage(image, 64), deflatePage(painted, 64)]],
    ["a class map in a SubIFD", [{ ...deflatePage(image, 64), subDirectories: [classMap(marked)] }]],
    [
      "a class map in colours that is marked as reduced",
      [deflatePage(image, 64), deflatePage(painted, 64, marked)],
    ],
    [
      "a class map in colours in a SubIFD",
      [{ ...deflatePage(image, 64), subDirectories: [deflatePage(painted, 64)] }],
    ],
    [
      "another sample that is marked as reduced",
      [deflatePage(image, 64), deflatePage(turned(half), 64, marked)],
    ],
    [
      "a heat map over the slide, marked as reduced",
      [deflatePage(image, 64), deflatePage(heated(half), 64, marked)],
    ],
  ])("%s", async (name, pages) => {
    const slide = await open(`${name.replaceAll(" ", "-")}.tif`, pages);
    expect(slide.levels).toHaveLength(1);
    expect(slide.warnings.join()).toMatch(
      /^page (1|0, sub-page 0) \(.*no levels of the first page, left out$/,
    );
    expectSame(await readLevel(slide), image);
  });

  it.each([
    ["the class map of an Aperio slide", "Aperio Image Library v10\r\n300x205 |AppMag = 20|MPP = 0.5"],
    ["the class map of a plain slide", "a slide"],
  ])("%s", async (name, text) => {
    const slide = await open(`${name.replaceAll(" ", "-")}.tif`, [
      deflatePage(image, 64, [ascii(270, text)]),
      classMap(),
    ]);
    expect(slide.levels).toHaveLength(1);
    expect(slide.warnings.join()).toContain("page 1 (of grey, not red, green and blue)");
    await slide.close();
  });

  it.each([
    ["sharper and of other colours", (value: number) => 1.15 * (value - 128) + 140],
    ["paler", (value: number) => 0.8 * value + 40],
  ])("takes levels %s, as scanners make them", async (name, change) => {
    const level = { ...half, data: Uint8ClampedArray.from(half.data, change) };
    const page = await jpegPage({ ...level, data: new Uint8Array(level.data) }, 64, {
      quality: 50,
      more: marked,
    });
    const slide = await open(`${name.split(" ")[0]}.tif`, [deflatePage(image, 64), page]);
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2]);
    expect(slide.warnings).toEqual([]);
    await slide.close();
  });

  it("takes pages that nothing marks, when they look like the slide", async () => {
    const slide = await open("unmarked.tif", [deflatePage(image, 64), deflatePage(halved(image), 64)]);
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2]);
    expect(slide.warnings).toEqual([]);
    await slide.close();
  });
});

describe("the largest picture is the slide", () => {
  it("levels stored from small to large", async () => {
    const smaller = halved(image);
    const slide = await open("small-to-large.tif", [
      deflatePage(halved(smaller), 64, [long(254, 1)]),
      deflatePage(smaller, 64),
      deflatePage(image, 64),
    ]);
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 2, 4]);
    expectSame(await readLevel(slide, 1), smaller);
  });

  it("an overview before it", async () => {
    const slide = await open("overview.tif", [deflatePage(picture(90, 40), 64), deflatePage(image, 64)]);
    expect(slide.levels).toHaveLength(1);
    expect(slide.warnings).toEqual(["page 0: no levels of page 1, the largest picture, left out"]);
    expectSame(await readLevel(slide), image);
  });

  it("one that cannot be read is not passed over for a smaller one", async () => {
    const deep = deflatePage(image, 64, []);
    const fields = deep.fields.map((field) => (field.tag === 258 ? short(258, 16, 16, 16) : field));
    const opening = open("deep-first.tif", [{ ...deep, fields }, deflatePage(half, 64)]);
    await expect(opening).rejects.toMatchObject({
      tag: "slide",
      fields: { why: "page 0 has 16 bits per sample" },
    });
  });

  it.each([
    ["channels of fluorescence", [grey(1), grey(2), grey(3), deflatePage(half, 64)], "a stack of 3 pictures"],
    ["one channel and a thumbnail", [grey(1), deflatePage(half, 64)], "(page 0, 300 × 205) is in grey"],
    [
      "a stack of ImageJ",
      [grey(1, [ascii(270, "ImageJ=1.53\nimages=12\nchannels=3")])],
      "a stack of 12 pictures",
    ],
  ])("refuses %s", async (name, pages, reason) => {
    const opening = open(`${name.replaceAll(" ", "-")}.tif`, pages);
    await expect(opening).rejects.toMatchObject({ tag: "slide" });
    await expect(opening).rejects.toThrow(reason);
  });
});

/** Turned by half. */
function turned(whole: RgbImage): RgbImage {
  const { length } = whole.data;
  return { ...whole, data: whole.data.map((_, at) => whole.data[length - 3 - at + 2 * (at % 3)] ?? 0) };
}

/** With a third of it tinted red. */
function heated({ width, height, data }: RgbImage): RgbImage {
  const isHot = (at: number): boolean => Math.floor(at / 3) % width < width / 3;
  const hot = [255, 0, 0];
  return {
    width,
    height,
    data: data.map((value, at) => (isHot(at) ? (value + (hot[at % 3] ?? 0)) / 2 : value)),
  };
}

/** A picture of one grey sample. */
function grey(seed: number, more: WrittenDirectory["fields"] = []): WrittenDirectory {
  return {
    fields: [
      ...[long(256, 300), long(257, 205), short(258, 8), short(259, 8), short(262, 1), short(277, 1)],
      ...[long(322, 304), long(323, 208), ...more],
    ],
    segments: [deflateSync(Uint8Array.from({ length: 304 * 208 }, (_, at) => (at * seed) % 50))],
  };
}

describe("JPEG tiles read as libtiff reads them", () => {
  it.each([
    { sharedTables: true, chromaSubsampling: "4:2:0", photometric: 6 },
    { sharedTables: true, chromaSubsampling: "4:4:4", photometric: 6 },
    { sharedTables: false, chromaSubsampling: "4:2:0", photometric: 6 },
    { sharedTables: true, chromaSubsampling: "4:4:4", photometric: 2 },
    { sharedTables: false, chromaSubsampling: "4:2:0", photometric: 2 },
  ] as const)(
    "shared tables $sharedTables, $chromaSubsampling, photometric $photometric",
    async (options) => {
      // A name of its own for each, because libvips remembers files by their names.
      const name = Object.values(options).join("-").replaceAll(":", "");
      const slide = await open(`${name}.tif`, [await jpegPage(image, 64, options)]);
      // Each tile says what libjpeg would guess; libtiff goes by the photometric interpretation, and so do we.
      const expected = await sharp(slide.path, { page: 0 }).raw().toBuffer();
      expect(Buffer.compare((await readLevel(slide)).data, expected)).toBe(0);
    },
  );

  it("hands out tiles that any decoder reads alike", async () => {
    const slide = await open("tile.tif", [await jpegPage(image, 64, { photometric: 2 })]);
    const tile = await slide.readCompressedTile?.(0, 1, 2);
    expect(tile?.mediaType).toBe("image/jpeg");
    const origin = { space: "level-0", x: 64, y: 128 } as const;
    const region = await slide.readRegion({ origin, level: 0, width: 64, height: 64 });
    expect(Buffer.compare(region.data, await sharp(tile?.bytes).raw().toBuffer())).toBe(0);
    await slide.close();
  });
});

describe("JPEG 2000 tiles of Aperio", () => {
  it("33005 holds RGB", async () => {
    const part = picture(90, 64);
    const segments: Uint8Array[] = [];
    for (const tile of cutTiles(part, 64, 64)) segments.push(await encodeJpeg2000(tile));
    const slide = await open("33005.svs", [{ fields: rgbFields(part, 64, 33005), segments }]);
    expectSame(await readLevel(slide), part);
  });

  it("33003 holds YCbCr", async () => {
    const grey = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(128) };
    grey.data.set([100, 128, 200]);
    const segments = [await encodeJpeg2000(grey)];
    const slide = await open("33003.svs", [{ fields: rgbFields(grey, 64, 33003), segments }]);
    // ITU-R BT.601 with Cr - 128 = 72: red 100 + 1.402 · 72, green 100 - 0.714 · 72, blue as luma.
    expect([...(await readLevel(slide)).data.subarray(0, 6)]).toEqual([201, 49, 100, 128, 128, 128]);
  });
});

describe("samples that are not RGB", () => {
  const tile = { width: 16, height: 16 };
  const ramp = Uint8Array.from({ length: 256 }, (_, index) => index);

  function page(
    samples: number,
    photometric: number,
    data: Uint8Array,
    more: WrittenDirectory["fields"] = [],
  ) {
    const bits = Array.from({ length: samples }, () => 8);
    const fields = [
      long(256, 16),
      long(257, 16),
      short(258, ...bits),
      short(259, 8),
      short(262, photometric),
    ];
    return {
      fields: [...fields, short(277, samples), long(322, tile.width), long(323, tile.height), ...more],
      segments: [deflateSync(data)],
    };
  }

  it.each([
    ["black is zero", 1, (value: number) => value],
    ["white is zero", 0, (value: number) => 255 - value],
  ] as const)("grey, %s", async (name, photometric, expected) => {
    const { data } = await readLevel(await open(`${name}.tif`, [page(1, photometric, ramp)]));
    expect([...data]).toEqual(
      [...ramp].flatMap((value) => [expected(value), expected(value), expected(value)]),
    );
  });

  it("RGB without the optional number of samples", async () => {
    const whole = deflatePage(image, 64);
    const fields = whole.fields.filter(({ tag }) => tag !== 277);
    expectSame(await readLevel(await open("no-samples.tif", [{ ...whole, fields }])), image);
  });

  it("palette", async () => {
    const colours = [...ramp, ...ramp.toReversed(), ...ramp.map(() => 7)].map((value) => value * 257);
    const { data } = await readLevel(await open("palette.tif", [page(1, 3, ramp, [short(320, ...colours)])]));
    expect([...data.subarray(0, 6)]).toEqual([0, 255, 7, 1, 254, 7]);
  });

  it.each([
    ["unassociated", 2, [255 - 51 + 20, 255 - 51 + 40, 255 - 51 + 51]],
    ["associated", 1, [255 - 51 + 100, 255, 255]],
  ] as const)("opacity, %s, shows white", async (name, meaning, expected) => {
    const data = Uint8Array.from({ length: 1024 }, (_, index) => [100, 200, 255, 51][index % 4] ?? 0);
    const { data: rgb } = await readLevel(
      await open(`${name}.tif`, [page(4, 2, data, [short(338, meaning)])]),
    );
    expect([...rgb.subarray(0, 3)]).toEqual(expected.map((value) => Math.min(255, value)));
  });

  it("separate planes", async () => {
    const planes = [0, 1, 2].flatMap((channel) =>
      cutTiles(image, 64, 64).map((part) =>
        deflateSync(Uint8Array.from({ length: 64 * 64 }, (_, pixel) => part.data[pixel * 3 + channel] ?? 0)),
      ),
    );
    const fields = rgbFields(image, 64, 8).map((field) => (field.tag === 284 ? short(284, 2) : field));
    expectSame(await readLevel(await open("planes.tif", [{ fields, segments: planes }])), image);
  });

  it("one large uncompressed strip is read in parts", async () => {
    const wide = picture(1200, 400);
    const fields = rgbFields(wide, 64, 1).filter(({ tag }) => tag < 300);
    const page = { fields: [...fields, long(278, 400)], segments: [wide.data], tiled: false };
    const slide = await open("strip.tif", [page]);
    expect(slide.levels[0]?.tileSize).toBeNull();
    expectSame(await readLevel(slide), wide);
  });

  it.each([
    ["16 bits", short(258, 16, 16, 16), "16 bits per sample"],
    ["Zstandard", short(259, 50000), "compression Zstandard"],
    ["signed", short(339, 2, 2, 2), "samples that are no unsigned whole numbers"],
    ["CMYK", short(262, 5), "photometric interpretation 5"],
  ] as const)("refuses %s", async (name, field, reason) => {
    const page = deflatePage(image, 64);
    const fields = page.fields.map((own) => (own.tag === field.tag ? field : own));
    const all = fields.includes(field) ? fields : [...fields, field];
    await expect(open(`${name}.tif`, [{ ...page, fields: all }])).rejects.toMatchObject({
      tag: "slide",
      fields: { why: expect.stringContaining(reason) },
    });
  });
});
