import { readFile, stat } from "node:fs/promises";
import { join, parse } from "node:path";
import { closing, exists, messageOf, RandomAccessFile } from "../../common/index.js";
import { cutArea, type RgbImage } from "../../imaging/index.js";
import { levelsThatShowTheSame, TiledPictures } from "../looks-alike.js";
import type { CompressedTile, PixelSource } from "../pixel-source.js";
import { plausibleResolution } from "../plausible-resolution.js";
import { decodeRasterTile, rasterType } from "../raster-tile.js";
import { slideError } from "../slide-error.js";
import type { OpenSlideOptions, SlideFormat } from "../slide-format.js";
import { type StoredLevel, TiledSource } from "../tiled-source.js";
import { type DeepZoomDescriptor, looksLikeDescriptor, parseDescriptor } from "./descriptor.js";
import { readOrigin } from "./origin.js";

const MAX_DESCRIPTOR_BYTES = 2 ** 20;
const MAX_TILE_BYTES = 2 ** 26;

/** DeepZoom: a descriptor `NAME.dzi` and the tiles of every level in `NAME_files/LEVEL/COLUMN_ROW.EXTENSION`. */
export const deepZoomFormat: SlideFormat = {
  name: "DeepZoom",
  detect: ({ head, extension, isDirectory }) =>
    !isDirectory && (extension === ".dzi" || looksLikeDescriptor(new TextDecoder().decode(head))),
  open: openDeepZoom,
};

/**
 * Opens a DeepZoom image by its descriptor.
 * @throws EpSamError `slide` when the descriptor or the folder of tiles cannot be used
 */
export async function openDeepZoom(path: string, options: OpenSlideOptions = {}): Promise<PixelSource> {
  const descriptor = parseDescriptor(path, await readDescriptor(path));
  const { dir, name } = parse(path);
  const folder = join(dir, `${name}_files`);
  const missing: string[] = [];
  const warnings: string[] = [];
  const levels = await findLevels(folder, descriptor, missing);
  if (missing.length > 0) warnings.push(`levels without a folder of tiles: ${missing.join(", ")}`);
  const origin = await readOrigin(folder, descriptor);
  const resolution = plausibleResolution(origin);
  warnings.push(...resolution.warnings);
  const { width, height, tileSize, overlap, extension } = descriptor;
  const pictures = new TiledPictures();
  const stored = await levelsThatShowTheSame(
    levels.map(({ folder: name, ...level }) => ({
      name,
      level: storedLevel({ folder: name, ...level }, descriptor, warnings),
    })),
    ({ name, level }) => pictures.of(name, { ...level, readTile: level.decodeTile }),
    ({ name }) =>
      warnings.push(
        `${name} is stored as a level, but shows something else than the level above, and is left out`,
      ),
  );
  return new TiledSource({
    path,
    format: "DeepZoom",
    levels: stored.map(({ level }) => level),
    micronsPerPixel: resolution.micronsPerPixel,
    objectivePower: origin.objectivePower,
    associatedImages: new Map(),
    warnings,
    properties: {
      Width: String(width),
      Height: String(height),
      TileSize: String(tileSize),
      Overlap: String(overlap),
      Format: extension,
    },
    tileCache: options.tileCache,
    // Tiles are files that are opened one at a time.
    release: () => Promise.resolve(),
  });
}

async function readDescriptor(path: string): Promise<string> {
  return closing(RandomAccessFile.open(path, slideError), async (file) => {
    if (file.size > MAX_DESCRIPTOR_BYTES) {
      throw slideError(path, "is too large for a DeepZoom descriptor", `${file.size} bytes`);
    }
    return new TextDecoder().decode(await file.read(0, file.size, "the descriptor"));
  });
}

interface DeepZoomLevel {
  readonly folder: string;
  readonly width: number;
  readonly height: number;
}

/** Levels from the full one down to the first that fits in a tile; the rest, down to one pixel, tells nothing. */
async function findLevels(
  folder: string,
  { width, height, tileSize }: DeepZoomDescriptor,
  missing: string[],
): Promise<readonly DeepZoomLevel[]> {
  const levels: DeepZoomLevel[] = [];
  const highest = Math.ceil(Math.log2(Math.max(width, height)));
  for (let number = highest; number >= 0; number--) {
    const scale = 2 ** (highest - number);
    const level = {
      folder: join(folder, String(number)),
      width: Math.ceil(width / scale),
      height: Math.ceil(height / scale),
    };
    if (await isDirectory(level.folder)) levels.push(level);
    else if (number === highest) {
      throw slideError(
        level.folder,
        "is missing",
        "the tiles of the full resolution belong there",
        "Keep the descriptor and its folder of tiles beside each other under their own names.",
      );
    } else missing.push(String(number));
    if (level.width <= tileSize && level.height <= tileSize) break;
  }
  return levels;
}

async function isDirectory(path: string): Promise<boolean> {
  const status = await stat(path).catch((cause: unknown) => {
    if (isAbsence(cause)) return null;
    throw slideError(path, "cannot be read", messageOf(cause), "Check that you may read it.", cause);
  });
  return status?.isDirectory() ?? false;
}

function isAbsence(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}

function storedLevel(
  level: DeepZoomLevel,
  { tileSize, overlap, extension }: DeepZoomDescriptor,
  warnings: string[],
): StoredLevel {
  const { width, height } = level;
  let absent = 0;
  let allDrawn = true;
  let warningAt: number | null = null;
  const noteMissing = (_column: number, _row: number, isDrawn: boolean): void => {
    absent += 1;
    allDrawn &&= isDrawn;
    warningAt ??= warnings.push("") - 1;
    const how = allDrawn ? "drawn from the next finer level" : "white";
    warnings[warningAt] = `${absent} tiles are missing in ${level.folder}; they are ${how}`;
  };
  const pathOf = (column: number, row: number): string => join(level.folder, `${column}_${row}.${extension}`);
  return {
    width,
    height,
    tileWidth: tileSize,
    tileHeight: tileSize,
    hasTile: async (column, row) => exists(pathOf(column, row)),
    noteMissing,
    async decodeTile(column, row) {
      const path = pathOf(column, row);
      const bytes = await readTileFile(path);
      if (bytes === null) return null;
      return decodeTile(path, bytes, horizontal(width, column), horizontal(height, row));
    },
    async compressedTile(column, row): Promise<CompressedTile | null> {
      if (overlap > 0) return null;
      const bytes = await readTileFile(pathOf(column, row));
      const mediaType = bytes === null ? null : rasterType(bytes);
      return bytes === null || mediaType === null ? null : { mediaType, bytes };
    },
  };

  /** Where a tile's own pixels lie in its file, along one side. */
  function horizontal(side: number, index: number): Extent {
    const before = index === 0 ? 0 : overlap;
    const length = Math.min(tileSize, side - index * tileSize);
    return { before, length, most: tileSize + 2 * overlap };
  }
}

interface Extent {
  /** Pixels of the neighbour before it. */
  readonly before: number;
  readonly length: number;
  /** Largest side of a tile file. */
  readonly most: number;
}

async function decodeTile(path: string, bytes: Uint8Array, x: Extent, y: Extent): Promise<RgbImage> {
  try {
    const image = await decodeRasterTile(bytes, {
      minimum: { width: x.before + x.length, height: y.before + y.length },
      maximum: { width: x.most, height: y.most },
    });
    return cutArea(image, { left: x.before, top: y.before, width: x.length, height: y.length });
  } catch (cause) {
    throw slideError(path, "is a damaged tile", messageOf(cause).split("\n")[0], undefined, cause);
  }
}

/** A tile's bytes; null when there is no such file. */
async function readTileFile(path: string): Promise<Uint8Array | null> {
  const status = await stat(path).catch((cause: unknown) => {
    if (isAbsence(cause)) return null;
    throw slideError(path, "cannot be read", messageOf(cause), "Check that you may read it.", cause);
  });
  if (status === null) return null;
  if (!status.isFile()) throw slideError(path, "is a damaged tile", "it is no regular file");
  if (status.size > MAX_TILE_BYTES) throw slideError(path, "is a damaged tile", `${status.size} bytes`);
  return readFile(path).catch((cause: unknown) => {
    throw slideError(path, "cannot be read", messageOf(cause), "Check that you may read it.", cause);
  });
}
