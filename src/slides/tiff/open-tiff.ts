import { RandomAccessFile } from "../../common/index.js";
import { decodeRgb, type RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../pixel-source.js";
import { readTiles } from "../region.js";
import { slideError } from "../slide-error.js";
import type { OpenSlideOptions, Refusal, SlideFormat } from "../slide-format.js";
import { type StoredLevel, TiledSource } from "../tiled-source.js";
import { readContents } from "./contents.js";
import type { AssociatedImage, PyramidLevel, SlideDescription, TiffDialect } from "./dialect.js";
import { aperioSvs } from "./dialects/aperio.js";
import { foreignFormat } from "./dialects/foreign.js";
import { genericTiff } from "./dialects/generic.js";
import { omeTiff } from "./dialects/ome.js";
import { philipsTiff } from "./dialects/philips.js";
import { isTiff } from "./directories.js";
import { MissingTiles } from "./missing-tiles.js";
import type { TiffPage } from "./page.js";
import { SegmentReader } from "./segment-reader.js";

/** Tried in this order; the last takes every TIFF. */
const DIALECTS: readonly TiffDialect[] = [aperioSvs, philipsTiff, omeTiff, genericTiff];

/** Largest associated image in pixels; scanners' are a few million. */
const MAX_ASSOCIATED_PIXELS = 2 ** 26;

/** TIFF and BigTIFF: Aperio SVS, Philips TIFF, OME-TIFF and plain pyramids. */
export const tiffFormat: SlideFormat = {
  name: "TIFF",
  detect: ({ head }) => isTiff(head),
  open: openTiff,
};

/**
 * Opens a TIFF of any dialect that is read, or refuses those with rules of their own. Close it when done.
 * @throws EpSamError `slide` when it is damaged, beyond the limits, or stores its pixels in a way that is not read
 */
export async function openTiff(path: string, options: OpenSlideOptions = {}): Promise<PixelSource | Refusal> {
  const file = await RandomAccessFile.open(path, slideError);
  try {
    const contents = await readContents(file);
    const foreign = await foreignFormat(contents);
    if (foreign !== null) {
      await file.close();
      return { refused: `${foreign} is read through the system's OpenSlide library` };
    }
    const dialect = DIALECTS.find((candidate) => candidate.detect(contents)) ?? genericTiff;
    return tiffSource(file, dialect.format, await dialect.describe(contents), options);
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

function tiffSource(
  file: RandomAccessFile,
  format: string,
  slide: SlideDescription,
  options: OpenSlideOptions,
): PixelSource {
  const missing = new MissingTiles(slide.warnings);
  return new TiledSource({
    path: file.path,
    format,
    levels: slide.levels.map((level, index) => storedLevel(file, level, index, missing)),
    micronsPerPixel: slide.micronsPerPixel,
    objectivePower: slide.objectivePower,
    associatedImages: new Map(
      [...slide.associatedImages].map(([name, image]) => [name, () => readAssociated(file, name, image)]),
    ),
    warnings: missing.warnings,
    properties: slide.properties,
    tileCache: options.tileCache,
    release: () => file.close(),
  });
}

function storedLevel(
  file: RandomAccessFile,
  { page, width, height }: PyramidLevel,
  index: number,
  missing: MissingTiles,
): StoredLevel {
  const reader = new SegmentReader(file, page);
  const { segmentation } = page;
  return {
    width,
    height,
    tileWidth: segmentation.width,
    tileHeight: segmentation.height,
    isTiled: segmentation.tiled,
    async decodeTile(column, row) {
      const tile = await reader.read(column, row);
      if (tile === null) missing.note(index, row * segmentation.columns + column);
      return tile;
    },
    compressedTile: (column, row) => reader.readCompressed(column, row),
  };
}

async function readAssociated(
  file: RandomAccessFile,
  name: string,
  image: AssociatedImage,
): Promise<RgbImage> {
  if (image instanceof Uint8Array) return decodeRgb(image, `${file.path}, image "${name}"`);
  const { width, height } = image;
  if (width * height > MAX_ASSOCIATED_PIXELS) {
    throw file.error("holds an image of absurd dimensions", `its ${name} has ${width} × ${height} pixels`);
  }
  return readTiles(pageGrid(file, image), { left: 0, top: 0, width, height });
}

function pageGrid(file: RandomAccessFile, page: TiffPage) {
  const reader = new SegmentReader(file, page);
  const { width, height, segmentation } = page;
  const readTile = (column: number, row: number): Promise<RgbImage | null> => reader.read(column, row);
  return { width, height, tileWidth: segmentation.width, tileHeight: segmentation.height, readTile };
}
