import { EpSamError } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import type { Region, SlideLevel } from "./pixel-source.js";

/** Largest region that is read at once, in pixels; 768 MiB of RGB. */
export const MAX_REGION_PIXELS = 2 ** 28;

/** For callers without types. */
const REGION_FORM =
  'Give { origin: { space: "level-0", x, y }, level, width, height }: x and y in pixels of level 0, the size in pixels of the level.';

/** How many tiles of a region are decoded at the same time, and how many bytes of them. */
const TILES_AT_ONCE = 8;
/** The same where each waits for a server: those that lie together come in one request. */
const REMOTE_TILES_AT_ONCE = 64;
const BYTES_AT_ONCE = 32 * 2 ** 20;

/** One level's tiles, all of one size; those at the right and lower edge may be larger than what is left. */
export interface TileGrid {
  /** Size of the level in pixels. */
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** True where tiles come from a server. */
  readonly isRemote?: boolean | undefined;
  /**
   * A tile's pixels, null when the file leaves it out (white). Smaller than the tile size at the right and
   * lower edge is allowed; what it does not cover is white.
   */
  readTile(column: number, row: number): Promise<RgbImage | null>;
}

/** A rectangle in pixels of one level. */
export interface LevelRectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Where a region lies in the pixels of its level: its corner is the level pixel that contains the origin, so
 * pixels are never resampled.
 * @throws EpSamError `usage` for a region of another form, a level that is not there, or a size or origin that is no
 *   whole number, not positive, or too large
 */
export function levelRectangle(path: string, levels: readonly SlideLevel[], region: Region): LevelRectangle {
  if (region.origin?.space !== "level-0" || region.level === undefined) {
    const given = Object.keys(region).join(", ");
    throw new EpSamError("usage", {
      what: "cannot read a region",
      where: path,
      why: `it has ${given}`,
      action: REGION_FORM,
    });
  }
  const level = levels[region.level];
  if (level === undefined) {
    throw usage(path, `has no level ${region.level}`, `its levels are 0 to ${levels.length - 1}`);
  }
  const { origin, width, height } = region;
  if (!(Number.isSafeInteger(origin.x) && Number.isSafeInteger(origin.y))) {
    throw usage(path, "cannot be read there", `the origin ${origin.x}, ${origin.y} is not in whole pixels`);
  }
  if (!(Number.isSafeInteger(width) && Number.isSafeInteger(height) && width > 0 && height > 0)) {
    throw usage(path, "cannot be read in that size", `${width} × ${height} pixels is no size`);
  }
  if (width * height > MAX_REGION_PIXELS) {
    throw usage(
      path,
      "cannot be read in one piece",
      `${width} × ${height} pixels exceed ${MAX_REGION_PIXELS}`,
    );
  }
  return {
    left: Math.floor(origin.x / level.downsample),
    top: Math.floor(origin.y / level.downsample),
    width,
    height,
  };
}

function usage(path: string, what: string, why: string): EpSamError {
  return new EpSamError("usage", { what, where: path, why, action: "Ask for a region that the slide has." });
}

/**
 * The pixels of a rectangle, put together from tiles; white where there are none.
 * @throws what `readTile` throws, or the signal's reason when aborted
 */
export async function readTiles(
  grid: TileGrid,
  rectangle: LevelRectangle,
  signal?: AbortSignal,
): Promise<RgbImage> {
  signal?.throwIfAborted();
  const tiles = coveringTiles(grid, rectangle);
  const data = new Uint8Array(rectangle.width * rectangle.height * 3);
  if (!tiles.coverAll) data.fill(255);
  const image = { width: rectangle.width, height: rectangle.height, data };
  const queue = tiles.positions();
  let stopped = false;
  const work = async (): Promise<void> => {
    for (const { column, row } of queue) {
      if (stopped) return;
      signal?.throwIfAborted();
      const tile = await grid.readTile(column, row);
      signal?.throwIfAborted();
      placeTile(grid, rectangle, image, tile, column, row);
    }
  };
  const guarded = async (): Promise<void> => {
    try {
      await work();
    } catch (cause) {
      stopped = true;
      // A tile may fail because the file was closed; then that is the reason.
      signal?.throwIfAborted();
      throw cause;
    }
  };
  await Promise.all(Array.from({ length: tilesAtOnce(grid) }, guarded));
  return image;
}

function tilesAtOnce({ tileWidth, tileHeight, isRemote = false }: TileGrid): number {
  const most = isRemote ? REMOTE_TILES_AT_ONCE : TILES_AT_ONCE;
  return Math.max(1, Math.min(most, Math.floor(BYTES_AT_ONCE / (tileWidth * tileHeight * 3))));
}

interface Covering {
  positions(): IterableIterator<{ readonly column: number; readonly row: number }>;
  /** True when the level covers the whole rectangle. */
  readonly coverAll: boolean;
}

function coveringTiles(grid: TileGrid, { left, top, width, height }: LevelRectangle): Covering {
  const right = Math.min(left + width, grid.width);
  const bottom = Math.min(top + height, grid.height);
  const coverAll = left >= 0 && top >= 0 && left + width <= grid.width && top + height <= grid.height;
  if (right <= Math.max(left, 0) || bottom <= Math.max(top, 0))
    return { positions: () => [].values(), coverAll: false };
  const firstColumn = Math.floor(Math.max(left, 0) / grid.tileWidth);
  const lastColumn = Math.floor((right - 1) / grid.tileWidth);
  const firstRow = Math.floor(Math.max(top, 0) / grid.tileHeight);
  const lastRow = Math.floor((bottom - 1) / grid.tileHeight);
  function* positions(): Generator<{ column: number; row: number }> {
    for (let row = firstRow; row <= lastRow; row++) {
      for (let column = firstColumn; column <= lastColumn; column++) yield { column, row };
    }
  }
  return { positions, coverAll };
}

function placeTile(
  grid: TileGrid,
  rectangle: LevelRectangle,
  image: RgbImage,
  tile: RgbImage | null,
  column: number,
  row: number,
): void {
  const tileLeft = column * grid.tileWidth;
  const tileTop = row * grid.tileHeight;
  const left = Math.max(rectangle.left, tileLeft, 0);
  const top = Math.max(rectangle.top, tileTop, 0);
  const right = Math.min(rectangle.left + rectangle.width, tileLeft + grid.tileWidth, grid.width);
  const bottom = Math.min(rectangle.top + rectangle.height, tileTop + grid.tileHeight, grid.height);
  const coveredRight = Math.min(right, tileLeft + (tile?.width ?? 0));
  for (let y = top; y < bottom; y++) {
    const target = ((y - rectangle.top) * image.width - rectangle.left) * 3;
    const present = tile !== null && y - tileTop < tile.height && coveredRight > left;
    if (present) {
      const source = ((y - tileTop) * tile.width - tileLeft) * 3;
      image.data.set(tile.data.subarray(source + left * 3, source + coveredRight * 3), target + left * 3);
    }
    const blankFrom = present ? coveredRight : left;
    if (blankFrom < right) image.data.fill(255, target + blankFrom * 3, target + right * 3);
  }
}
