import type { LevelEntry } from "../../contract/index.js";
import type { Level0Box } from "../../geometry/index.js";
import { canvasContext } from "../viewer/canvas.js";
import { tilesWithin } from "../viewer/tiles-within.js";

/** Tiles that are fetched at a time; a browser has six connections to a server. */
const AT_ONCE = 6;

/** A part of a slide, or of a layer, as one picture that is not turned. */
export interface PyramidPicture {
  readonly canvas: HTMLCanvasElement;
  /** Where its left upper corner lies on level 0. */
  readonly place: { readonly x: number; readonly y: number };
}

export interface PyramidSource {
  /** From the finest. */
  readonly levels: readonly LevelEntry[];
  /** A tile as it is drawn. */
  tile(level: number, column: number, row: number): Promise<CanvasImageSource>;
}

/** The coarsest level with a pixel for each of the picture's, or else the finest. */
export function levelFor(levels: readonly LevelEntry[], scale: number): number {
  return Math.max(
    0,
    levels.findLastIndex(({ downsample }) => downsample * scale <= 1.001),
  );
}

/**
 * Draws what lies in a box, with edges of tiles on whole pixels so that no seam shows.
 * @param scale pixels of the picture per level-0 pixel
 * @throws what fetching a tile throws: no figure is made with a hole
 */
export async function pyramidPicture(
  source: PyramidSource,
  box: Level0Box,
  scale: number,
): Promise<PyramidPicture> {
  const index = levelFor(source.levels, scale);
  const level = source.levels[index];
  const [left, top] = [Math.round(box.left * scale), Math.round(box.top * scale)];
  const width = Math.max(1, Math.round(box.right * scale) - left);
  const height = Math.max(1, Math.round(box.bottom * scale) - top);
  const context = canvasContext(width, height);
  context.imageSmoothingQuality = "high";
  const tiles = level === undefined ? [] : tilesWithin(level, box);
  const draw = async ({ column, row, place }: (typeof tiles)[number]) => {
    const image = await source.tile(index, column, row);
    const [x, y] = [Math.round(place.x * scale) - left, Math.round(place.y * scale) - top];
    const right = Math.round((place.x + place.width) * scale) - left;
    const bottom = Math.round((place.y + place.height) * scale) - top;
    // A stored tile may reach beyond its level.
    const across = level === undefined ? 0 : place.width / level.downsample;
    const down = level === undefined ? 0 : place.height / level.downsample;
    context.drawImage(image, 0, 0, across, down, x, y, right - x, bottom - y);
  };
  for (let at = 0; at < tiles.length; at += AT_ONCE)
    await Promise.all(tiles.slice(at, at + AT_ONCE).map(draw));
  return { canvas: context.canvas, place: { x: left / scale, y: top / scale } };
}
