import type { LevelEntry } from "../contract/index.js";
import { notFound } from "./problem.js";

/** A rectangle in pixels of a level. */
export interface TilePlace {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Where a tile lies in its level, cut at the level's border. @throws EpSamError `not-found` outside of the level */
export function tilePlace(level: LevelEntry, column: number, row: number): TilePlace {
  const [left, top] = [column * level.tileWidth, row * level.tileHeight];
  if (left >= level.width || top >= level.height)
    throw notFound("there is no such tile", `${column}, ${row}`);
  return {
    left,
    top,
    width: Math.min(level.tileWidth, level.width - left),
    height: Math.min(level.tileHeight, level.height - top),
  };
}

/** One of several levels. @throws EpSamError `not-found` when there are fewer */
export function levelAt<Level>(levels: readonly Level[], index: number): Level {
  const level = levels[index];
  if (level === undefined) throw notFound(`there are levels 0 to ${levels.length - 1}`, `level ${index}`);
  return level;
}
