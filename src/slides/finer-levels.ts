import { type RgbImage, resizeRgb } from "../imaging/index.js";
import type { Coverage, SlideLevel } from "./pixel-source.js";
import { type LevelRectangle, readTiles, type TileGrid } from "./region.js";
import type { StoredLevel } from "./tiled-source.js";

/** Longest side of what is read of a finer level at a time, in its pixels. */
const PIECE_SIDE = 2048;

/** Draws tiles that a file leaves out from the next finer level that has them, and knows where none has. */
export class FinerLevels {
  readonly #stored: readonly StoredLevel[];
  readonly #levels: readonly SlideLevel[];
  readonly #gridOf: (index: number) => TileGrid;
  /** Whether there are pixels for a missing tile at any finer level, by the tile. */
  readonly #known = new Map<string, boolean>();

  constructor(
    stored: readonly StoredLevel[],
    levels: readonly SlideLevel[],
    gridOf: (index: number) => TileGrid,
  ) {
    this.#stored = stored;
    this.#levels = levels;
    this.#gridOf = gridOf;
  }

  /** Where the pixels of a rectangle come from; what lies outside the level does not count. */
  async coverage(index: number, rectangle: LevelRectangle): Promise<Coverage> {
    let coverage: Coverage = "stored";
    for (const { column, row, part } of this.#tiles(index, rectangle)) {
      if (await this.#hasTile(index, column, row)) continue;
      if (index === 0) return "missing";
      const below = await this.coverage(index - 1, this.#inFiner(index, part));
      if (below === "missing") return "missing";
      coverage = "finer";
    }
    return coverage;
  }

  /** A tile as the next finer level shows it; null when no finer level has any of it. */
  async draw(index: number, column: number, row: number): Promise<RgbImage | null> {
    const level = this.#stored[index];
    if (index === 0 || level === undefined || !(await this.#isDrawable(index, column, row))) return null;
    const [left, top] = [column * level.tileWidth, row * level.tileHeight];
    const width = Math.min(level.tileWidth, level.width - left);
    const height = Math.min(level.tileHeight, level.height - top);
    const tile = { width, height, data: new Uint8Array(width * height * 3).fill(255) };
    const side = Math.max(1, Math.floor(PIECE_SIDE / this.#ratio(index)));
    for (let y = 0; y < height; y += side) {
      for (let x = 0; x < width; x += side) {
        const size = { width: Math.min(side, width - x), height: Math.min(side, height - y) };
        const piece = await this.#reduced(index, { left: left + x, top: top + y, ...size });
        for (let line = 0; line < size.height; line++) {
          const pixels = piece.data.subarray(line * size.width * 3, (line + 1) * size.width * 3);
          tile.data.set(pixels, ((y + line) * width + x) * 3);
        }
      }
    }
    return tile;
  }

  /** A rectangle of a level, made of the next finer one. */
  async #reduced(index: number, { left, top, width, height }: LevelRectangle): Promise<RgbImage> {
    const grid = this.#gridOf(index - 1);
    const ratio = this.#ratio(index);
    const span = (start: number, length: number, extent: number) => {
      const end = Math.min(extent, (start + length) * ratio);
      const begin = Math.min(start * ratio, end - 1);
      const first = Math.floor(begin);
      return { first, count: Math.ceil(end) - first, begin: begin - first, end: end - first };
    };
    const across = span(left, width, grid.width);
    const down = span(top, height, grid.height);
    const size = { left: across.first, top: down.first, width: across.count, height: down.count };
    const image = await readTiles(grid, size);
    const box = { left: across.begin, top: down.begin, right: across.end, bottom: down.end };
    return resizeRgb(image, width, height, "bilinear", box);
  }

  async #isDrawable(index: number, column: number, row: number): Promise<boolean> {
    const level = this.#stored[index];
    if (index === 0 || level === undefined) return false;
    const key = `${index}/${column}/${row}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const { tileWidth, tileHeight } = level;
    const tile = { left: column * tileWidth, top: row * tileHeight, width: tileWidth, height: tileHeight };
    let found = false;
    for (const finer of this.#tiles(index - 1, this.#inFiner(index, tile))) {
      found =
        (await this.#hasTile(index - 1, finer.column, finer.row)) ||
        (await this.#isDrawable(index - 1, finer.column, finer.row));
      if (found) break;
    }
    this.#known.set(key, found);
    return found;
  }

  async #hasTile(index: number, column: number, row: number): Promise<boolean> {
    return (await this.#stored[index]?.hasTile?.(column, row)) ?? true;
  }

  /** Pixels of the next finer level per pixel of a level. */
  #ratio(index: number): number {
    return (this.#levels[index]?.downsample ?? 1) / (this.#levels[index - 1]?.downsample ?? 1);
  }

  #inFiner(index: number, { left, top, width, height }: LevelRectangle): LevelRectangle {
    const ratio = this.#ratio(index);
    const [x, y] = [Math.floor(left * ratio + 1e-6), Math.floor(top * ratio + 1e-6)];
    const right = Math.ceil((left + width) * ratio - 1e-6);
    const bottom = Math.ceil((top + height) * ratio - 1e-6);
    return { left: x, top: y, width: right - x, height: bottom - y };
  }

  /** The tiles of a level that a rectangle touches, with the part of it that lies in each. */
  *#tiles(index: number, rectangle: LevelRectangle) {
    const level = this.#stored[index];
    if (level === undefined) return;
    const { tileWidth, tileHeight } = level;
    const [left, top] = [Math.max(0, rectangle.left), Math.max(0, rectangle.top)];
    const right = Math.min(level.width, rectangle.left + rectangle.width);
    const bottom = Math.min(level.height, rectangle.top + rectangle.height);
    for (let row = Math.floor(top / tileHeight); row * tileHeight < bottom; row++) {
      for (let column = Math.floor(left / tileWidth); column * tileWidth < right; column++) {
        const [x, y] = [Math.max(left, column * tileWidth), Math.max(top, row * tileHeight)];
        const width = Math.min(right, (column + 1) * tileWidth) - x;
        const height = Math.min(bottom, (row + 1) * tileHeight) - y;
        yield { column, row, part: { left: x, top: y, width, height } };
      }
    }
  }
}
