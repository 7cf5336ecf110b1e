import type { LevelEntry } from "../../contract/index.js";
import type { GreyImage } from "../../imaging/index.js";
import type { Layer } from "../layers/layer.js";
import { tilePlace } from "../tile-place.js";

/** A whole level of a layer. */
export interface WholeLevel {
  readonly image: GreyImage;
  readonly level: LevelEntry;
  /** Whether it is the layer's finest. */
  readonly isFinest: boolean;
}

/**
 * The finest level of a layer that has at most so many pixels, or else its coarsest.
 * @throws what reading throws
 */
export async function wholeLevel(layer: Layer, mostPixels: number, signal: AbortSignal): Promise<WholeLevel> {
  const { levels } = layer.entry;
  const fitting = levels.findIndex(({ width, height }) => width * height <= mostPixels);
  const index = fitting === -1 ? levels.length - 1 : fitting;
  const level = levels[index];
  if (level === undefined) throw new RangeError("a layer has a level");
  const { width, height, tileWidth, tileHeight } = level;
  const data = new Uint8Array(width * height);
  for (let row = 0; row * tileHeight < height; row++) {
    for (let column = 0; column * tileWidth < width; column++) {
      signal.throwIfAborted();
      const place = tilePlace(level, column, row);
      const tile = await layer.readTile(index, column, row, signal);
      for (let y = 0; y < place.height; y++) {
        const line = tile.data.subarray(y * tile.width, y * tile.width + place.width);
        data.set(line, (place.top + y) * width + place.left);
      }
    }
  }
  return { image: { width, height, data }, level, isFinest: index === 0 };
}
