import { closing, type RandomAccessFile } from "../../common/index.js";
import { decodeRgb, type RgbImage } from "../../imaging/index.js";
import { openSlideFile } from "../open-file.js";
import type { PixelSource } from "../pixel-source.js";
import { plausibleResolution } from "../plausible-resolution.js";
import { readTiles } from "../region.js";
import type { OpenSlideOptions, Refusal, SlideFormat } from "../slide-format.js";
import { type StoredLevel, TiledSource } from "../tiled-source.js";
import { readContents } from "./contents.js";
import type { AssociatedImage, PyramidLevel, SlideDescription, TiffDialect } from "./dialect.js";
import { aperioSvs } from "./dialects/aperio.js";
import { foreignFormat } from "./dialects/foreign.js";
import { genericTiff } from "./dialects/generic.js";
import { omeTiff } from "./dialects/ome.js";
import { philipsTiff } from "./dialects/philips.js";
import { qpTiff } from "./dialects/qptiff.js";
import { isTiff, readDirectories } from "./directories.js";
import { MissingTiles } from "./missing-tiles.js";
import { pageGrid } from "./page-pictures.js";
import { SegmentReader } from "./segment-reader.js";
import { TiffTag } from "./tags.js";

/** Tried in this order; the last takes every TIFF. */
const DIALECTS: readonly TiffDialect[] = [aperioSvs, philipsTiff, omeTiff, qpTiff, genericTiff];

/** Largest associated image in pixels; scanners' are a few million. */
const MAX_ASSOCIATED_PIXELS = 2 ** 26;

/** TIFF and BigTIFF: Aperio SVS, Philips TIFF, OME-TIFF and plain pyramids. */
export const tiffFormat: SlideFormat = {
  name: "TIFF",
  detect: ({ head }) => isTiff(head),
  open: openTiff,
  openFile: openTiffFile,
};

/**
 * Opens a TIFF of any dialect that is read, or refuses those with rules of their own. Close it when done.
 * @throws EpSamError `slide` when it is damaged, beyond the limits, or stores its pixels in a way that is not read
 */
export async function openTiff(path: string, options: OpenSlideOptions = {}): Promise<PixelSource | Refusal> {
  return openTiffFile(await openSlideFile(path), options);
}

async function openTiffFile(
  file: RandomAccessFile,
  options: OpenSlideOptions,
): Promise<PixelSource | Refusal> {
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

/**
 * Tells whether a TIFF has tiles or sub-pictures, as slides do and images do not, also where its pixels cannot be read.
 * @throws EpSamError `slide` when it is no TIFF or damaged
 */
export async function isTiledTiff(path: string): Promise<boolean> {
  return closing(openSlideFile(path), async (file) => {
    const nodes = await readDirectories(file);
    return nodes.some(({ directory, children }) => children.length > 0 || directory.has(TiffTag.TileWidth));
  });
}

function tiffSource(
  file: RandomAccessFile,
  format: string,
  slide: SlideDescription,
  options: OpenSlideOptions,
): PixelSource {
  const { micronsPerPixel, warnings } = plausibleResolution(slide);
  const missing = new MissingTiles([...file.warnings, ...warnings, ...slide.warnings]);
  return new TiledSource({
    path: file.path,
    format,
    levels: slide.levels.map((level, index) => storedLevel(file, level, index, missing)),
    micronsPerPixel,
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
  { page, otherColours = [], width, height }: PyramidLevel,
  index: number,
  missing: MissingTiles,
): StoredLevel {
  const readers = [page, ...otherColours].map((colour) => new SegmentReader(file, colour));
  const [reader] = readers;
  const { segmentation } = page;
  return {
    width,
    height,
    tileWidth: segmentation.width,
    tileHeight: segmentation.height,
    isTiled: segmentation.tiled,
    async hasTile(column, row) {
      for (const one of readers) if (!(await one.has(column, row))) return false;
      return true;
    },
    noteMissing: (column, row, isDrawn) => missing.note(index, row * segmentation.columns + column, isDrawn),
    decodeTile: (column, row) => readColours(readers, column, row),
    ...(readers.length === 1 && reader?.hasParts === true
      ? { decodePart: (column, row, part, place) => reader.readPart(column, row, part, place) }
      : {}),
    // A plane of one colour is not the picture.
    compressedTile: async (column, row) =>
      readers.length === 1 && reader !== undefined ? reader.readCompressed(column, row) : null,
  };
}

/** A tile of one page, or of three that hold one colour each; null when one is missing. */
async function readColours(
  readers: readonly SegmentReader[],
  column: number,
  row: number,
): Promise<RgbImage | null> {
  const colours: RgbImage[] = [];
  for (const reader of readers) {
    const colour = await reader.read(column, row);
    if (colour === null) return null;
    colours.push(colour);
  }
  const [first] = colours;
  if (first === undefined || colours.length === 1) return first ?? null;
  const data = Uint8Array.from(first.data, (_, at) => colours[at % 3]?.data[at] ?? 0);
  return { ...first, data };
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
