import { execFileSync } from "node:child_process";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { openDeepZoom } from "../../src/slides/deep-zoom/open-deep-zoom.js";
import { openSlide } from "../../src/slides/index.js";
import { processorStopwatch } from "../support/processor-time.js";
import { itWith, noPosix } from "../support/requirements.js";
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

/** A DeepZoom image written by libvips. */
async function writeDeepZoom(format: "png" | "jpeg" | "webp", overlap: number): Promise<string> {
  const { width, height, data } = noiseImage(300, 170);
  const path = join(await files.folder(), "slide.dzi");
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  await raw
    .toFormat(format, { lossless: true })
    .tile({ size: 64, overlap, layout: "dz" })
    .toFile(path.replace(/dzi$/, "dz"));
  return path;
}

/** A descriptor with the given attributes, and one tile. */
async function writeOdd(descriptor: string, tile?: { name: string; bytes: Uint8Array }): Promise<string> {
  const path = await files.folder();
  await mkdir(join(path, "odd_files", "7"), { recursive: true });
  if (tile !== undefined) await writeFile(join(path, "odd_files", "7", tile.name), tile.bytes);
  await writeFile(join(path, "odd.dzi"), descriptor);
  return join(path, "odd.dzi");
}

interface Attributes {
  readonly format?: string;
  readonly tileSize?: string;
  readonly overlap?: string;
  readonly width?: string;
  readonly height?: string;
}

function descriptor(attributes: Attributes = {}): string {
  const { format = "png", tileSize = "128", overlap = "0", width = "100", height = "80" } = attributes;
  return (
    `<?xml version="1.0" encoding="UTF-8"?>` +
    `<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="${format}" TileSize="${tileSize}" ` +
    `Overlap="${overlap}"><Size Width="${width}" Height="${height}"/></Image>`
  );
}

describe("DeepZoom", () => {
  it.each([
    ["png", 0],
    ["png", 1],
    ["webp", 3],
  ] as const)("written by libvips as %s with overlap %i has the image's pixels", async (format, overlap) => {
    const slide = await openSlide(await writeDeepZoom(format, overlap));
    expect(slide.format).toBe("DeepZoom");
    expect(slide.levels).toEqual([
      { width: 300, height: 170, downsample: 1, tileSize: { width: 64, height: 64 } },
      { width: 150, height: 85, downsample: 2, tileSize: { width: 64, height: 64 } },
      { width: 75, height: 43, downsample: 4, tileSize: { width: 64, height: 64 } },
      { width: 38, height: 22, downsample: 8, tileSize: { width: 64, height: 64 } },
    ]);
    const image = noiseImage(300, 170);
    expectSameImage(await readLevel(slide, 0), image);
    expectSameImage(await slide.readRegion(region(-5, 100, 320, 90)), cropWhite(image, -5, 100, 320, 90));
    expect(slide.micronsPerPixel).toBeNull();
    expect(slide.warnings).toEqual([]);
    await slide.close();
  });

  it("a level that shows something else than the one above is left out by name", async () => {
    const path = await writeDeepZoom("png", 0);
    const folder = path.replace(/\.dzi$/, "_files/7");
    const other = gradientImage(75, 43);
    const cut = (left: number, width: number) => encode(cropWhite(other, left, 0, width, 43));
    await writeFile(join(folder, "0_0.png"), await cut(0, 64));
    await writeFile(join(folder, "1_0.png"), await cut(64, 11));
    const slide = await openSlide(path);
    expect(slide.levels.map(({ width }) => width)).toEqual([300, 150, 38]);
    expect(slide.warnings).toEqual([
      `${folder} is stored as a level, but shows something else than the level above, and is left out`,
    ]);
    await slide.close();
  });

  it("lower levels are the stored ones", async () => {
    const path = await writeDeepZoom("png", 1);
    const slide = await openDeepZoom(path);
    const stored = await sharp(path.replace(/\.dzi$/, "_files/6/0_0.png"))
      .raw()
      .toBuffer();
    expectSameImage(await readLevel(slide, 3), { width: 38, height: 22, data: stored });
    await slide.close();
  });

  it("hands out tiles as they are stored, unless they overlap", async () => {
    const plain = await openDeepZoom(await writeDeepZoom("png", 0));
    const tile = await plain.readCompressedTile?.(0, 1, 1);
    expect(tile?.mediaType).toBe("image/png");
    const expected = cropWhite(noiseImage(300, 170), 64, 64, 64, 64);
    expectSameImage(await decode(tile?.bytes ?? new Uint8Array(0)), expected);
    await plain.close();
    const overlapping = await openDeepZoom(await writeDeepZoom("png", 1));
    expect(await overlapping.readCompressedTile?.(0, 1, 1)).toBeNull();
    await overlapping.close();
  });

  it("missing tiles are white and counted, missing levels are left out", async () => {
    const path = await writeDeepZoom("png", 0);
    const files = path.replace(/\.dzi$/, "_files");
    await rm(join(files, "9", "1_0.png"));
    await rm(join(files, "9", "0_2.png"));
    await rm(join(files, "8"), { recursive: true });
    const slide = await openDeepZoom(path);
    expect(slide.levels.map(({ downsample }) => downsample)).toEqual([1, 4, 8]);
    const whole = await readLevel(slide, 0);
    expect(cropWhite(whole, 64, 0, 64, 64).data.every((value) => value === 255)).toBe(true);
    expect(slide.warnings).toEqual([
      "levels without a folder of tiles: 8",
      `2 tiles are missing in ${join(files, "9")}; they are white`,
    ]);
    await slide.close();
  });

  it("takes the resolution that libvips copied from the slide, if the image was not scaled", async () => {
    const properties = (width: number): string =>
      `<?xml version="1.0"?><image xmlns="http://www.vips.ecs.soton.ac.uk/dzsave"><properties>${[
        ["openslide.level[0].width", width],
        ["openslide.level[0].height", 170],
        ["openslide.mpp-x", 0.25],
        ["openslide.mpp-y", 0.26],
        ["openslide.objective-power", 40],
      ]
        .map(
          ([name, value]) =>
            `<property><name>${name}</name><value type="gdouble">${value}</value></property>`,
        )
        .join("")}</properties></image>`;
    const path = await writeDeepZoom("png", 0);
    const file = path.replace(/\.dzi$/, "_files/vips-properties.xml");
    await writeFile(file, properties(300));
    const slide = await openDeepZoom(path);
    expect([slide.micronsPerPixel, slide.objectivePower]).toEqual([{ x: 0.25, y: 0.26 }, 40]);
    await slide.close();
    await writeFile(file, properties(600));
    const scaled = await openDeepZoom(path);
    expect([scaled.micronsPerPixel, scaled.objectivePower]).toEqual([null, null]);
    await scaled.close();
  });

  it("transparent pixels are white", async () => {
    const clear = {
      width: 100,
      height: 80,
      channels: 4,
      background: { r: 9, g: 9, b: 9, alpha: 0 },
    } as const;
    const bytes = await sharp({ create: clear }).png().toBuffer();
    const slide = await openDeepZoom(await writeOdd(descriptor(), { name: "0_0.png", bytes }));
    expect((await readLevel(slide, 0)).data.every((value) => value === 255)).toBe(true);
    await slide.close();
  });
});

describe("hostile DeepZoom descriptors", () => {
  const size = `<Size Width="100" Height="80"/>`;
  const entity = (content: string): string =>
    descriptor().replace("<Image", `<!DOCTYPE Image [${content}]><Image`);
  it.each([
    ["not XML", "just text", /not well-formed/],
    ["cut in the middle", descriptor().slice(0, 150), /not well-formed/],
    [
      "another root element",
      `<Picture xmlns="http://schemas.microsoft.com/deepzoom/2008"/>`,
      /is no DeepZoom/,
    ],
    ["another namespace", descriptor().replace("deepzoom", "other"), /is no DeepZoom/],
    ["no size", descriptor().replace(size, ""), /is no DeepZoom/],
    ["a collection of images", descriptor().replaceAll("Image", "Collection"), /is no DeepZoom/],
    ["a document type with an entity", entity(`<!ENTITY a "b">`), /declares a document type/],
    ["an external entity", entity(`<!ENTITY a SYSTEM "file:///etc/passwd">`), /declares a document type/],
    [
      "entities that multiply",
      entity(`<!ENTITY a "${"b".repeat(99)}"><!ENTITY c "${"&a;".repeat(99)}">`),
      /declares a document type/,
    ],
    ["an unknown entity", descriptor({ width: "&big;" }), /not well-formed/],
    ["elements a thousand deep", "<a>".repeat(1000), /larger than any slide's/],
    ["a width of zero", descriptor({ width: "0" }), /Width="0" is not from 1/],
    ["a negative height", descriptor({ height: "-5" }), /Height="-5"/],
    ["a width in another notation", descriptor({ width: "1e3" }), /Width="1e3"/],
    ["an absurd width", descriptor({ width: "99999999999999999999" }), /impossible value/],
    ["tiles of no size", descriptor({ tileSize: "0" }), /TileSize="0"/],
    ["absurd tiles", descriptor({ tileSize: "100000" }), /TileSize="100000"/],
    ["an overlap larger than a tile", descriptor({ overlap: "129" }), /Overlap="129"/],
    [
      "a format that leads out of the folder",
      descriptor({ format: "/../../../etc/passwd" }),
      /format that is not/,
    ],
    ["a format that names files", descriptor({ format: "svg" }), /format that is not read/],
    ["a level that is not there", descriptor({ width: "5000" }), /13: is missing/],
  ])("%s", async (_, text, message) => {
    const path = await writeOdd(text);
    const seconds = processorStopwatch();
    const failure = await failureOf(openDeepZoom(path));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toMatch(message);
    expect(seconds()).toBeLessThan(1);
  });

  it("a descriptor of many megabytes", async () => {
    const path = await writeOdd(descriptor() + " ".repeat(2 ** 21));
    expect((await failureOf(openDeepZoom(path))).message).toMatch(/too large for a DeepZoom descriptor/);
  });
});

describe("hostile DeepZoom tiles", () => {
  const read = async (path: string): Promise<void> => {
    const slide = await openDeepZoom(path);
    await readLevel(slide, 0).finally(() => slide.close());
  };
  const picture = gradientImage(100, 80);
  it.each([
    ["of another size", () => encode(gradientImage(90, 80)), /90 × 80 pixels, not 100 × 80/],
    ["larger than a tile can be", () => encode(gradientImage(129, 80)), /129 × 80 pixels/],
    ["cut short", async () => (await encode(picture)).subarray(0, 3000), /is a damaged tile/],
    ["empty", async () => Buffer.alloc(0), /neither JPEG, PNG nor WebP/],
    [
      "in a format that names files",
      async () => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="100" height="80"/>`),
      /neither JPEG, PNG nor WebP/,
    ],
    [
      "that claim thousands of millions of pixels",
      async () => {
        const bomb = await encode(picture);
        bomb.writeUInt32BE(65_000, 16);
        bomb.writeUInt32BE(65_000, 20);
        return bomb;
      },
      /is a damaged tile/,
    ],
  ])("%s", async (_, make, message) => {
    const path = await writeOdd(descriptor(), { name: "0_0.png", bytes: await make() });
    const failure = await failureOf(read(path));
    expect(failure.tag).toBe("slide");
    expect(failure.message).toMatch(message);
  });

  itWith("posix", noPosix, "that are pipes or devices do not block", async () => {
    const pipe = await writeOdd(descriptor());
    execFileSync("mkfifo", [pipe.replace("odd.dzi", "odd_files/7/0_0.png")]);
    expect((await failureOf(read(pipe))).message).toMatch(/no regular file/);
    const device = await writeOdd(descriptor());
    await symlink("/dev/zero", device.replace("odd.dzi", "odd_files/7/0_0.png"));
    expect((await failureOf(read(device))).message).toMatch(/no regular file/);
  });
});
