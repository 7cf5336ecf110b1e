import type { LevelEntry } from "../../contract/index.js";
import type { PixelSource } from "../../slides/index.js";

/** Stored tiles within these sides are served as they are; others are cut anew. */
const LEAST_STORED_SIDE = 64;
const LARGEST_STORED_SIDE = 2048;
const TILE_SIDE = 512;
/** A viewer fetches the least level whole when it shows a slide. */
const LARGEST_LEAST_LEVEL = 4096;
/** Level pixels along a side that are read for one tile of a computed level: 48 MiB of RGB. */
const READ_SIDE = 4096;
const COARSEST_FACTOR = 32;

/** A level as it is served: one that the slide has, or a coarser one that is computed from its least. */
export interface ServedLevel extends LevelEntry {
  /** The slide's level that is read. */
  readonly stored: number;
  /** Pixels of that level per pixel of this one, along a side; 1 for the stored level itself. */
  readonly factor: number;
  /** Whether the tiles are those that the slide stores. */
  readonly isNativeGrid: boolean;
}

/**
 * The slide's own levels on their own tiles; slides whose least level is large get coarser ones, so that a viewer
 * need not fetch thousands of tiles to show them whole.
 */
export function servedLevels({ levels }: Pick<PixelSource, "levels">): readonly ServedLevel[] {
  const stored = levels.map((level, index): ServedLevel => {
    const isNativeGrid = level.tileSize !== null && isServable(level.tileSize);
    const { width: tileWidth, height: tileHeight } =
      isNativeGrid && level.tileSize !== null ? level.tileSize : { width: TILE_SIDE, height: TILE_SIDE };
    const { width, height, downsample } = level;
    return { width, height, downsample, tileWidth, tileHeight, stored: index, factor: 1, isNativeGrid };
  });
  const least = stored.at(-1);
  return least === undefined ? [] : [...stored, ...coarserLevels(least)];
}

function isServable({ width, height }: { readonly width: number; readonly height: number }): boolean {
  return Math.min(width, height) >= LEAST_STORED_SIDE && Math.max(width, height) <= LARGEST_STORED_SIDE;
}

function coarserLevels(least: ServedLevel): ServedLevel[] {
  const coarser: ServedLevel[] = [];
  for (let factor = 2; factor <= COARSEST_FACTOR; factor *= 2) {
    const previous = coarser.at(-1) ?? least;
    if (Math.max(previous.width, previous.height) <= LARGEST_LEAST_LEVEL) break;
    const side = Math.min(TILE_SIDE, READ_SIDE / factor);
    coarser.push({
      width: Math.ceil(least.width / factor),
      height: Math.ceil(least.height / factor),
      downsample: least.downsample * factor,
      tileWidth: side,
      tileHeight: side,
      stored: least.stored,
      factor,
      isNativeGrid: false,
    });
  }
  return coarser;
}
