import type { LevelEntry } from "../../contract/index.js";

export interface TileIndex {
  readonly column: number;
  readonly row: number;
}

/** A rectangle in pixels; of which grid, its name tells. */
export interface PixelRectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Columns and rows of the tiles of a level; the last ones may be cut off by the level's edge. */
export function tileCounts(level: LevelEntry): { readonly columns: number; readonly rows: number } {
  return {
    columns: Math.ceil(level.width / level.tileWidth),
    rows: Math.ceil(level.height / level.tileHeight),
  };
}

/** The part of a level that a tile covers, in the level's own pixels, without what lies beyond the edge. */
export function tilePixels(level: LevelEntry, { column, row }: TileIndex): PixelRectangle {
  const x = column * level.tileWidth;
  const y = row * level.tileHeight;
  return {
    x,
    y,
    width: Math.min(level.tileWidth, level.width - x),
    height: Math.min(level.tileHeight, level.height - y),
  };
}

/**
 * Where a tile lies on level 0. Level pixels are `downsample` level-0 pixels on both axes: the sizes of levels are
 * rounded (40000 / 312), so that their ratio would shift every tile a little.
 */
export function tileOnSlide(level: LevelEntry, tile: TileIndex): PixelRectangle {
  const { x, y, width, height } = tilePixels(level, tile);
  const { downsample } = level;
  return { x: x * downsample, y: y * downsample, width: width * downsample, height: height * downsample };
}
