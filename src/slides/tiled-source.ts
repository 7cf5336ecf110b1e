import { isRemotePath } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { ClosableSource } from "./closable-source.js";
import { levelDownsample } from "./downsample.js";
import { FinerLevels } from "./finer-levels.js";
import type {
  CompressedTile,
  Coverage,
  PixelSource,
  ReadOptions,
  ReadRegionOptions,
  Region,
  SlideFacts,
  SlideLevel,
} from "./pixel-source.js";
import {
  type LevelRectangle,
  levelRectangle,
  type PixelPlace,
  readTiles,
  type TileGrid,
  type TilePixels,
} from "./region.js";
import { newCachePrefix, sharedTileCache, type TileCache } from "./tile-cache.js";

/** A level as a format stores it: a grid of tiles that are decoded one by one. */
export interface StoredLevel {
  readonly width: number;
  readonly height: number;
  readonly tileWidth: number;
  readonly tileHeight: number;
  /** False when what is stored are strips, which no viewer wants as tiles. */
  readonly isTiled?: boolean | undefined;
  /** Whether the file holds a tile; left out where it holds them all. */
  hasTile?(column: number, row: number): Promise<boolean>;
  /** Is told of a tile that was asked for and is missing, and whether a finer level could stand in. */
  noteMissing?(column: number, row: number, isDrawn: boolean): void;
  /** A tile's pixels; null when the file leaves it out. */
  decodeTile(column: number, row: number): Promise<RgbImage | null>;
  /**
   * As {@link decodeTile}, where a part takes less time than the whole; more than that part may come, or it is put in its
   * place.
   */
  decodePart?(
    column: number,
    row: number,
    part: LevelRectangle,
    place: PixelPlace,
  ): Promise<TilePixels | "placed" | null>;
  /** A tile as it is stored; null when it cannot stand alone. */
  compressedTile(column: number, row: number): Promise<CompressedTile | null>;
}

export interface TiledSourceParts extends Omit<SlideFacts, "levels" | "associatedImages"> {
  /** From full to least resolution, not empty. */
  readonly levels: readonly StoredLevel[];
  readonly associatedImages: ReadonlyMap<string, () => Promise<RgbImage>>;
  readonly tileCache?: TileCache | undefined;
  /** Closes the files. */
  release(): Promise<void>;
}

/** A source of levels that are grids of tiles; the formats with one file or frame per tile are made of it. */
export class TiledSource extends ClosableSource implements PixelSource {
  readonly #parts: TiledSourceParts;
  readonly #cache: TileCache;
  readonly #prefix = newCachePrefix();
  readonly #finer: FinerLevels;

  constructor(parts: TiledSourceParts) {
    super({
      ...parts,
      levels: parts.levels.map((level) => slideLevel(parts.levels[0] ?? level, level)),
      associatedImages: [...parts.associatedImages.keys()],
    });
    this.#parts = parts;
    this.#cache = parts.tileCache ?? sharedTileCache;
    this.#finer = new FinerLevels(parts.levels, this.levels, (index) =>
      this.#grid(index, this.#level(index)),
    );
  }

  async readRegion(region: Region, options: ReadRegionOptions = {}): Promise<RgbImage> {
    const rectangle = levelRectangle(this.path, this.levels, region);
    const level = this.#level(region.level);
    return readTiles(this.#grid(region.level, level), rectangle, this.signal(options), options.memory);
  }

  async coverage(region: Region, options: ReadOptions = {}): Promise<Coverage> {
    this.signal(options).throwIfAborted();
    const rectangle = levelRectangle(this.path, this.levels, region);
    return this.#finer.coverage(region.level, rectangle);
  }

  #grid(index: number, level: StoredLevel): TileGrid {
    const { width, height, tileWidth, tileHeight } = level;
    const whole = (key: string, column: number, row: number): Promise<RgbImage | null> =>
      this.#cache.get(key, async () => {
        const tile = await level.decodeTile(column, row);
        if (tile !== null) return tile;
        const drawn = await this.#finer.draw(index, column, row);
        level.noteMissing?.(column, row, drawn !== null);
        return drawn;
      });
    const readTile = async (column: number, row: number, wanted: LevelRectangle, place: PixelPlace) => {
      const key = `${this.#prefix}${index}/${column}/${row}`;
      if (level.decodePart === undefined || this.#cache.asked(key)) return whole(key, column, row);
      return (await level.decodePart(column, row, wanted, place)) ?? whole(key, column, row);
    };
    return { width, height, tileWidth, tileHeight, isRemote: isRemotePath(this.path), readTile };
  }

  async readCompressedTile(
    level: number,
    column: number,
    row: number,
    options: ReadOptions = {},
  ): Promise<CompressedTile | null> {
    this.signal(options).throwIfAborted();
    const stored = this.#level(level);
    const columns = Math.ceil(stored.width / stored.tileWidth);
    const rows = Math.ceil(stored.height / stored.tileHeight);
    const isInside = Number.isInteger(column) && Number.isInteger(row) && column >= 0 && row >= 0;
    if (isInside && column < columns && row < rows) return stored.compressedTile(column, row);
    throw this.usage(`has no tile ${column}, ${row} at level ${level}`, `it has ${columns} × ${rows} tiles`);
  }

  async readAssociatedImage(name: string, options: ReadOptions = {}): Promise<RgbImage> {
    const signal = this.signal(options);
    signal.throwIfAborted();
    const read = this.#parts.associatedImages.get(name);
    if (read === undefined) throw this.noAssociatedImage(name);
    const image = await read();
    signal.throwIfAborted();
    return image;
  }

  protected override async release(): Promise<void> {
    this.#cache.forget(this.#prefix);
    await this.#parts.release();
  }

  #level(index: number): StoredLevel {
    const level = this.#parts.levels[index];
    if (level !== undefined) return level;
    throw this.usage(`has no level ${index}`, `its levels are 0 to ${this.levels.length - 1}`);
  }
}

function slideLevel(full: StoredLevel, level: StoredLevel): SlideLevel {
  const { width, height, tileWidth, tileHeight } = level;
  const downsample = levelDownsample(full, level);
  const tileSize = level.isTiled === false ? null : { width: tileWidth, height: tileHeight };
  return { width, height, downsample, tileSize };
}
