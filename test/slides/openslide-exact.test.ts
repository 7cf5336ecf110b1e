import { readdirSync } from "node:fs";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cutTiles, encodeJpeg2000, halved, picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage, jpegDirectory, jpegPage, rgbFields } from "../../scripts/fixtures/slide-files.js";
import { ascii, buildTiff, long, type WrittenDirectory } from "../../scripts/fixtures/tiff-writer.js";
import { RandomStream } from "../../src/common/index.js";
import { openSlide, type PixelSource, type SlideLevel } from "../../src/slides/index.js";
import { describeWithOpenSlide, type OpenSlideDescription, OpenSlideReader } from "../support/openslide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const REGIONS_PER_LEVEL = 24;

let openSlideReader: OpenSlideReader;

/** A region of one level, in that level's pixels. */
interface LevelRegion {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Regions anywhere in a level and beyond its bounds. */
function randomRegions(name: string, index: number, level: SlideLevel): LevelRegion[] {
  const random = new RandomStream(20241, "openslide", name, index);
  return Array.from({ length: REGIONS_PER_LEVEL }, () => ({
    left: random.integer(level.width + 200) - 150,
    top: random.integer(level.height + 200) - 150,
    width: 1 + random.integer(600),
    height: 1 + random.integer(600),
  }));
}

/** The picture of a whole level; OpenSlide is asked at its corner, where every downsample is a whole pixel. */
async function wholeLevel(path: string, index: number, level: SlideLevel): Promise<Uint8Array> {
  const { width, height } = level;
  return openSlideReader.readRegion({ path, level: index, x: 0, y: 0, width, height });
}

/** A region of a level that OpenSlide's picture of the whole level shows, on a white ground. */
function cropped(whole: Uint8Array, level: SlideLevel, region: LevelRegion): Uint8Array {
  const data = new Uint8Array(region.width * region.height * 3).fill(255);
  const left = Math.max(0, region.left);
  const right = Math.min(level.width, region.left + region.width);
  for (let y = Math.max(0, region.top); y < Math.min(level.height, region.top + region.height); y++) {
    if (right <= left) break;
    const row = whole.subarray((y * level.width + left) * 3, (y * level.width + right) * 3);
    data.set(row, ((y - region.top) * region.width + left - region.left) * 3);
  }
  return data;
}

/**
 * OpenSlide 3.4.1 reads tiles other than JPEG through libtiff's TIFFReadRGBATile, which displaces rows when the
 * whole picture is smaller than a tile: such levels are compared with libvips instead.
 */
function isMisreadByOpenSlide(level: SlideLevel, isJpeg: boolean): boolean {
  const { tileSize } = level;
  if (tileSize === null || isJpeg) return false;
  return level.width < tileSize.width || level.height < tileSize.height;
}

async function compareLevel(
  path: string,
  slide: PixelSource,
  { downsamples }: OpenSlideDescription,
  index: number,
): Promise<void> {
  const level = slide.levels[index];
  const downsample = downsamples[index];
  if (level === undefined || downsample === undefined) throw new Error(`no level ${index}`);
  const isJpeg = (await slide.readCompressedTile?.(index, 0, 0)) != null;
  const isMisread = isMisreadByOpenSlide(level, isJpeg);
  const isWhole = isMisread || !Number.isInteger(downsample);
  const whole = isMisread
    ? await sharp(path, { page: index }).raw().toBuffer()
    : isWhole
      ? await wholeLevel(path, index, level)
      : new Uint8Array(0);
  for (const region of randomRegions(path, index, level)) {
    const { left, top, width, height } = region;
    const origin = { space: "level-0", x: left * level.downsample, y: top * level.downsample } as const;
    const { data } = await slide.readRegion({ origin, level: index, width, height });
    const theirs = isWhole
      ? cropped(whole, level, region)
      : await openSlideReader.readRegion({ path, level: index, x: origin.x, y: origin.y, width, height });
    expect(Buffer.compare(data, theirs), `level ${index}: ${JSON.stringify(region)}`).toBe(0);
  }
}

async function compareSlide(path: string): Promise<void> {
  const slide = await openSlide(path);
  const theirs = await openSlideReader.describe(path);
  if ("error" in theirs) throw new Error(theirs.error);
  expect(slide.levels.map(({ width, height }) => [width, height])).toEqual(theirs.dimensions);
  const microns = theirs.properties["openslide.mpp-x"];
  if (microns !== undefined) expect(slide.micronsPerPixel?.x).toBe(Number(microns));
  for (const index of slide.levels.keys()) await compareLevel(path, slide, theirs, index);
  expect([...slide.associatedImages].sort()).toEqual(Object.keys(theirs.associated).sort());
  for (const name of slide.associatedImages) {
    const image = await slide.readAssociatedImage(name);
    expect([image.width, image.height]).toEqual(theirs.associated[name]);
    expect(Buffer.compare(image.data, await openSlideReader.readAssociated(path, name)), name).toBe(0);
  }
  await slide.close();
}

describeWithOpenSlide("bit-exact with OpenSlide", () => {
  beforeAll(() => {
    openSlideReader = new OpenSlideReader();
  });
  afterAll(() => {
    openSlideReader.close();
  });

  describeWithShared("on real slides", ["data/slides"], () => {
    const slides = readdirSync(sharedPath("data", "slides")).filter((name) => /\.(tiff?|svs)$/.test(name));
    // What OpenSlide does not open is left to other tests, by name, so that a new slide is not lost.
    const unopened = ["kidney-48-5.tif", "multi-channel-z-series.ome.tif"];
    it.each(slides.filter((name) => !unopened.includes(name)))("%s", async (name) => {
      await compareSlide(sharedPath("data", "slides", name));
    });

    it.each(unopened)("%s is no slide to OpenSlide", async (name) => {
      const answer = await openSlideReader.describe(sharedPath("data", "slides", name));
      expect(answer).toHaveProperty("error");
    });
  });

  describe("on generated slides", () => {
    const files = temporaryDirectory();
    const image = picture(500, 400);
    const reduced = [long(254, 1)];
    const half = halved(image);

    async function compareGenerated(name: string, pages: readonly WrittenDirectory[], big = false) {
      const path = await files.write(name, buildTiff(pages, { big }));
      await compareSlide(path);
    }

    it.each([
      ["4:2:0", 6],
      ["4:4:4", 6],
      ["4:4:4", 2],
    ] as const)("JPEG with shared tables, %s, photometric %d", async (chromaSubsampling, photometric) => {
      const options = { chromaSubsampling, photometric };
      const level = await jpegPage(half, 96, { ...options, more: reduced });
      await compareGenerated(
        `${chromaSubsampling.replaceAll(":", "")}-${photometric}.tif`,
        [await jpegPage(image, 96, options), level],
        true,
      );
    });

    it("JPEG with 4:2:2 chroma", async () => {
      const streams: Buffer[] = [];
      for (const tile of cutTiles(image, 96, 96))
        streams.push(await openSlideReader.encodeJpeg(tile, "4:2:2"));
      await compareGenerated("422.tif", [jpegDirectory(image, 96, streams)]);
    });

    it("deflate", async () => {
      await compareGenerated("deflate.tif", [deflatePage(image, 96), deflatePage(half, 96, reduced)]);
    });

    it.each([33003, 33005])("Aperio's JPEG 2000, %d", async (compression) => {
      const segments: Uint8Array[] = [];
      for (const tile of cutTiles(half, 128, 128)) segments.push(await encodeJpeg2000(tile));
      const description = ascii(270, "Aperio Image Library v10\r\n250x200 |AppMag = 20|MPP = 0.4990");
      const fields = [...rgbFields(half, 128, compression), description];
      await compareGenerated(`${compression}.svs`, [{ fields, segments }]);
    });
  });
});
