import type { LayerEntry, LevelEntry } from "../../contract/index.js";
import type { GreyImage } from "../../imaging/index.js";

/** A raster over a slide, as its tiles are made. */
export interface Layer {
  readonly entry: LayerEntry;
  /**
   * The grey levels of one tile, cut at the level's border.
   * @throws EpSamError `not-found` for a tile that the layer does not have; what reading throws
   */
  readTile(level: number, column: number, row: number, signal: AbortSignal): Promise<GreyImage>;
}

/** Side of the tiles of layers that are computed. */
export const LAYER_TILE_SIDE = 512;

/** Levels of half the size each, from a first one down to that which fits in a tile. */
export function halvedLevels(first: {
  readonly width: number;
  readonly height: number;
  readonly downsample: number;
}): LevelEntry[] {
  const levels: LevelEntry[] = [];
  for (let factor = 1; ; factor *= 2) {
    const width = Math.max(1, Math.ceil(first.width / factor));
    const height = Math.max(1, Math.ceil(first.height / factor));
    levels.push({
      width,
      height,
      downsample: first.downsample * factor,
      tileWidth: LAYER_TILE_SIDE,
      tileHeight: LAYER_TILE_SIDE,
    });
    if (Math.max(width, height) <= LAYER_TILE_SIDE) return levels;
  }
}
