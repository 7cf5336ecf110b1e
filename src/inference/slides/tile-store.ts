import { type FileHandle, open, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate, inflate } from "node:zlib";
import { storageError } from "../../common/index.js";
import type { TiledRaster } from "../export/raster.js";

const deflated = promisify<Uint8Array, { level: number }, Buffer>(deflate);
const inflated = promisify<Uint8Array, Buffer>(inflate);
const DEFLATE_LEVEL = 1;

/** Where and how large the tiles are. */
export type RasterShape = Omit<TiledRaster, "readTile">;

/** The tiles of a raster in a file of their own, deflated, so that memory does not grow with the slide. */
export class TileStore implements TiledRaster {
  readonly width: number;
  readonly height: number;
  readonly tileSize: number;
  readonly downsample: number;
  readonly #path: string;
  readonly #file: FileHandle;
  /** Offset and length by the tile's number; tiles that are zero throughout are left out. */
  readonly #places = new Map<number, { readonly offset: number; readonly length: number }>();
  #end = 0;

  private constructor(path: string, file: FileHandle, shape: RasterShape) {
    this.#path = path;
    this.#file = file;
    this.width = shape.width;
    this.height = shape.height;
    this.tileSize = shape.tileSize;
    this.downsample = shape.downsample;
  }

  /** Begins an empty store, in the place of an earlier one. @throws EpSamError `storage` */
  static async create(path: string, shape: RasterShape): Promise<TileStore> {
    // A new file, not an emptied one: who was taken over may have the other open.
    await rm(path, { force: true });
    const file = await open(path, "wx+").catch((cause: unknown) => {
      throw storageError(path, cause);
    });
    return new TileStore(path, file, shape);
  }

  /**
   * Keeps a tile, `tileSize * tileSize` levels. Calls must not overlap.
   * @throws EpSamError `storage` when the disk is full
   */
  async writeTile(column: number, row: number, tile: Uint8Array): Promise<void> {
    const bytes = await deflated(tile, { level: DEFLATE_LEVEL });
    try {
      await this.#file.write(bytes, 0, bytes.length, this.#end);
    } catch (cause) {
      throw storageError(this.#path, cause);
    }
    this.#places.set(this.#number(column, row), { offset: this.#end, length: bytes.length });
    this.#end += bytes.length;
  }

  async readTile(column: number, row: number): Promise<Uint8Array | null> {
    const place = this.#places.get(this.#number(column, row));
    if (place === undefined) return null;
    const bytes = new Uint8Array(place.length);
    await this.#file.read(bytes, 0, bytes.length, place.offset);
    return inflated(bytes);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #number(column: number, row: number): number {
    return row * Math.ceil(this.width / this.tileSize) + column;
  }
}

/** The mask of a probability raster: 255 above one half, 0 elsewhere. */
export function maskRaster(probability: TiledRaster): TiledRaster {
  const { width, height, tileSize, downsample } = probability;
  return {
    width,
    height,
    tileSize,
    downsample,
    readTile: async (column, row) => {
      const levels = await probability.readTile(column, row);
      if (levels === null) return null;
      const mask = new Uint8Array(levels.length);
      let isEmpty = true;
      for (let at = 0; at < levels.length; at++) {
        if ((levels[at] ?? 0) <= 127) continue;
        mask[at] = 255;
        isEmpty = false;
      }
      return isEmpty ? null : mask;
    },
  };
}
