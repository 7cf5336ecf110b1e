import type { LevelEntry } from "../../contract/index.js";
import type { Level0Box } from "../../geometry/index.js";
import { type PixelRectangle, type TileIndex, tileCounts, tileOnSlide } from "./level-geometry.js";

/** A tile of a level, and where it lies on level 0. */
export interface PlacedTile extends TileIndex {
  readonly place: PixelRectangle;
}

/** The tiles of a level that a box of level-0 pixels meets, row by row. */
export function tilesWithin(level: LevelEntry, { left, top, right, bottom }: Level0Box): PlacedTile[] {
  const { columns, rows } = tileCounts(level);
  const [across, down] = [level.tileWidth * level.downsample, level.tileHeight * level.downsample];
  const tiles: PlacedTile[] = [];
  const [firstRow, endRow] = [Math.max(0, Math.floor(top / down)), Math.min(rows, Math.ceil(bottom / down))];
  const [first, end] = [Math.max(0, Math.floor(left / across)), Math.min(columns, Math.ceil(right / across))];
  for (let row = firstRow; row < endRow; row++) {
    for (let column = first; column < end; column++) {
      tiles.push({ column, row, place: tileOnSlide(level, { column, row }) });
    }
  }
  return tiles;
}
