import OpenSeadragon from "openseadragon";
import type { LevelEntry } from "../../contract/index.js";
import { tileCounts, tileOnSlide, tilePixels } from "./level-geometry.js";

/**
 * A slide's own grid of tiles for OpenSeadragon: every level has its own tile size, and downsamples need not be whole
 * numbers or powers of two. OpenSeadragon counts levels from the coarsest, the contract from the finest.
 */
export class GridTileSource extends OpenSeadragon.TileSource {
  readonly #levels: readonly LevelEntry[];
  readonly #finest: LevelEntry;
  readonly #urlOf: (level: number, column: number, row: number) => string;

  constructor(levels: readonly LevelEntry[], urlOf: (level: number, column: number, row: number) => string) {
    const [finest] = levels;
    if (finest === undefined) throw new RangeError("a tile source needs a level");
    super({
      width: finest.width,
      height: finest.height,
      tileWidth: finest.tileWidth,
      tileHeight: finest.tileHeight,
      tileOverlap: 0,
      minLevel: 0,
      maxLevel: levels.length - 1,
    });
    this.#finest = finest;
    // The finest level of an overlay may itself be coarser than the slide; here all is relative to it.
    this.#levels = levels
      .map((level) => ({ ...level, downsample: level.downsample / finest.downsample }))
      .reverse();
    this.#urlOf = urlOf;
  }

  #level(index: number): LevelEntry {
    return this.#levels[index] ?? this.#finest;
  }

  override getLevelScale(level: number): number {
    return 1 / this.#level(level).downsample;
  }

  override getTileWidth(level: number): number {
    return this.#level(level).tileWidth;
  }

  override getTileHeight(level: number): number {
    return this.#level(level).tileHeight;
  }

  override getNumTiles(level: number): OpenSeadragon.Point {
    const { columns, rows } = tileCounts(this.#level(level));
    return new OpenSeadragon.Point(columns, rows);
  }

  override getTileBounds(level: number, column: number, row: number, isSource?: boolean): OpenSeadragon.Rect {
    const entry = this.#level(level);
    if (isSource === true) {
      const { width, height } = tilePixels(entry, { column, row });
      return new OpenSeadragon.Rect(0, 0, width, height);
    }
    const { x, y, width, height } = tileOnSlide(entry, { column, row });
    const scale = 1 / this.#finest.width;
    return new OpenSeadragon.Rect(x * scale, y * scale, width * scale, height * scale);
  }

  override getTileUrl(level: number, column: number, row: number): string {
    return this.#urlOf(this.#levels.length - 1 - level, column, row);
  }

  override hasTransparency(): boolean {
    return false;
  }
}
