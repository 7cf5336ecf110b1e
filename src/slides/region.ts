import { EpSamError } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import type { Region, SlideLevel } from "./pixel-source.js";
import { recycleTileBuffer } from "./tile-buffers.js";

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
   * @param wanted the part of the tile that is used, in its pixels; no more need be given
   * @param place where that part goes, for who can write it there
   * @returns "placed" when all of the part is there
   */
  readTile(
    column: number,
    row: number,
    wanted: LevelRectangle,
    place: PixelPlace,
  ): Promise<TilePixels | "placed" | null>;
}

/** Where rows of RGB go in a larger picture. */
export interface PixelPlace {
  readonly data: Uint8Array;
  /** Of the first byte of the first row. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly stride: number;
}

/** Pixels of a tile, all of it unless `left` and `top` tell where they begin in it. */
export interface TilePixels extends RgbImage {
  readonly left?: number | undefined;
  readonly top?: number | undefined;
  /** True where nobody else has these pixels, so that their memory is used again when they are copied. */
  readonly isLent?: boolean | undefined;
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
 * @param memory for them, where it is large enough
 * @throws what `readTile` throws, or the signal's reason when aborted
 */
export async function readTiles(
  grid: TileGrid,
  rectangle: LevelRectangle,
  signal?: AbortSignal,
  memory?: Uint8Array<ArrayBuffer>,
): Promise<RgbImage> {
  signal?.throwIfAborted();
  const tiles = coveringTiles(grid, rectangle);
  const bytes = rectangle.width * rectangle.height * 3;
  const data =
    memory !== undefined && memory.length >= bytes
      ? memory.subarray(0, bytes)
      : new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
  // Every byte is written where tiles cover all.
  if (!tiles.coverAll) data.fill(255);
  const image = { width: rectangle.width, height: rectangle.height, data };
  const queue = tiles.positions();
  let stopped = false;
  const work = async (): Promise<void> => {
    for (const { column, row } of queue) {
      if (stopped) return;
      signal?.throwIfAborted();
      const wanted = partInTile(grid, rectangle, column, row);
      const x = column * grid.tileWidth - rectangle.left;
      const y = row * grid.tileHeight - rectangle.top;
      const stride = image.width * 3;
      const offset = (y + wanted.top) * stride + (x + wanted.left) * 3;
      const tile = await grid.readTile(column, row, wanted, { data, offset, stride });
      signal?.throwIfAborted();
      if (tile === "placed") continue;
      placeTile(image, tile, wanted, { x, y });
      if (tile?.isLent === true) recycleTileBuffer(tile.data);
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
  const works = Array.from({ length: tilesAtOnce(grid) }, guarded);
  // Nothing is written into the caller's memory any more when this has ended.
  if (memory !== undefined) await Promise.allSettled(works);
  await Promise.all(works);
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

/** The part of a tile that lies in a rectangle and in the level, in pixels of the tile. */
function partInTile(grid: TileGrid, rectangle: LevelRectangle, column: number, row: number): LevelRectangle {
  const [x, y] = [column * grid.tileWidth, row * grid.tileHeight];
  const left = Math.max(rectangle.left - x, 0);
  const top = Math.max(rectangle.top - y, 0);
  const right = Math.min(rectangle.left + rectangle.width, x + grid.tileWidth, grid.width) - x;
  const bottom = Math.min(rectangle.top + rectangle.height, y + grid.tileHeight, grid.height) - y;
  return { left, top, width: right - left, height: bottom - top };
}

/** Copies a part of a tile into an image; white where there are no pixels. @param at the tile's corner in the image */
function placeTile(
  image: RgbImage,
  tile: TilePixels | null,
  { left, top, width, height }: LevelRectangle,
  at: { readonly x: number; readonly y: number },
): void {
  const tileLeft = tile?.left ?? 0;
  const tileTop = tile?.top ?? 0;
  const covered = Math.max(0, Math.min(width, tileLeft + (tile?.width ?? 0) - left));
  for (let y = top; y < top + height; y++) {
    const target = ((at.y + y) * image.width + at.x + left) * 3;
    const line = y - tileTop;
    const present = tile !== null && line < tile.height ? covered : 0;
    if (tile !== null && present > 0) {
      const source = (line * tile.width + left - tileLeft) * 3;
      image.data.set(tile.data.subarray(source, source + present * 3), target);
    }
    if (present < width) image.data.fill(255, target + present * 3, target + width * 3);
  }
}
