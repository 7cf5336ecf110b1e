import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { packageVersion, streamFileAtomically } from "../../common/index.js";
import {
  asciiField,
  bigTiffHeader,
  encodeDirectory,
  FieldType,
  rationalField,
  type WrittenField,
} from "./big-tiff.js";
import { type RasterBand, rasterBands, type TiledRaster } from "./raster.js";
import { reduceRows } from "./reduce-rows.js";
import type { PyramidTiffOptions, PyramidTiffResult } from "./types.js";

const compress = promisify(deflate);

const HEADER_BYTES = 16;
/** Tiles compressed at a time; more would only wait for the thread pool. */
const BATCH = 8;
const ADOBE_DEFLATE = 8;
const REDUCED_RESOLUTION = 1;
const CENTIMETRE = 3;
const MICRONS_PER_CENTIMETRE = 10_000;

/**
 * Writes a raster as a tiled pyramidal BigTIFF: 8-bit grey, deflate, one page a level (each half the one above,
 * until one tile holds it), the lower ones marked as reduced resolution. That is the layout OpenSlide calls generic
 * tiled TIFF; libtiff, ASAP and QuPath read it. Tiles that are zero throughout share one stored tile. The
 * resolution is given in pixels per centimetre, or not at all when it is unknown. Memory holds one row of tiles of
 * every level. Equal rasters give equal bytes.
 * @throws EpSamError `storage` when the file cannot be written; what the raster throws
 */
export async function writePyramidTiff(
  path: string,
  raster: TiledRaster,
  options: PyramidTiffOptions,
): Promise<PyramidTiffResult> {
  let result: PyramidTiffResult = { levels: 0, bytes: 0 };
  await streamFileAtomically(path, async (handle) => {
    const file = new AppendedFile(handle);
    await file.append(new Uint8Array(HEADER_BYTES));
    const levels = pyramidLevels(raster, options, file);
    const [full] = levels;
    for await (const band of rasterBands(raster, options.signal)) await full?.addBand(band);
    for (const level of levels) await level.finish();
    const first = await file.align();
    const software = `EP-SAM ${await packageVersion()}`;
    for (const [index, level] of levels.entries()) {
      const fields = fieldsOf(level, index, raster, options, software);
      await file.append(encodeDirectory(fields, file.size, index < levels.length - 1));
    }
    await handle.write(bigTiffHeader(first), 0, HEADER_BYTES, 0);
    result = { levels: levels.length, bytes: file.size };
  });
  return result;
}

/** A file that grows at its end, and where in it the tile of zeros is. */
class AppendedFile {
  readonly #handle: FileHandle;
  #size = 0;
  #zeroTile: StoredTile | null = null;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<StoredTile> {
    const offset = this.#size;
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(
        bytes,
        written,
        bytes.length - written,
        offset + written,
      );
      written += bytesWritten;
    }
    this.#size += bytes.length;
    return { offset, bytes: bytes.length };
  }

  /** Pads to a multiple of eight bytes. @returns the size */
  async align(): Promise<number> {
    await this.append(new Uint8Array((8 - (this.#size % 8)) % 8));
    return this.#size;
  }

  async zeroTile(pixels: number): Promise<StoredTile> {
    this.#zeroTile ??= await this.append(await compress(new Uint8Array(pixels)));
    return this.#zeroTile;
  }
}

interface StoredTile {
  readonly offset: number;
  readonly bytes: number;
}

/** The levels, each passing what it gets on to the next at half the size. */
function pyramidLevels(raster: TiledRaster, options: PyramidTiffOptions, file: AppendedFile): LevelWriter[] {
  const levels: LevelWriter[] = [];
  const sizes = levelSizes(raster);
  let below: LevelWriter | null = null;
  for (const { width, height } of sizes.reverse()) {
    below = new LevelWriter(width, height, raster.tileSize, options.reduction, file, below);
    levels.unshift(below);
  }
  return levels;
}

function levelSizes({ width, height, tileSize }: TiledRaster): { width: number; height: number }[] {
  const sizes = [{ width, height }];
  let last = { width, height };
  while (last.width > tileSize || last.height > tileSize) {
    last = half(last);
    sizes.push(last);
  }
  return sizes;
}

function half({ width, height }: { width: number; height: number }): { width: number; height: number } {
  return { width: Math.max(1, Math.floor(width / 2)), height: Math.max(1, Math.floor(height / 2)) };
}

/** Collects the rows of one level, writes them as tiles row by row, and passes them on reduced. */
class LevelWriter {
  readonly offsets: Float64Array;
  readonly byteCounts: Uint32Array;
  readonly width: number;
  readonly height: number;
  readonly #tileSize: number;
  readonly #columns: number;
  readonly #reduction: PyramidTiffOptions["reduction"];
  readonly #file: AppendedFile;
  readonly #below: LevelWriter | null;
  /** Rows that wait for a full row of tiles; level 0 writes its bands without them. */
  readonly #pending: Uint8Array;
  #pendingRows = 0;
  #pendingIsZero = true;
  #rowsDone = 0;

  constructor(
    width: number,
    height: number,
    tileSize: number,
    reduction: PyramidTiffOptions["reduction"],
    file: AppendedFile,
    below: LevelWriter | null,
  ) {
    this.width = width;
    this.height = height;
    this.#tileSize = tileSize;
    this.#reduction = reduction;
    this.#file = file;
    this.#below = below;
    this.#columns = Math.ceil(width / tileSize);
    const tiles = this.#columns * Math.ceil(height / tileSize);
    this.offsets = new Float64Array(tiles);
    this.byteCounts = new Uint32Array(tiles);
    this.#pending = new Uint8Array(width * Math.min(tileSize, height));
  }

  /** A full row of tiles, or the last one. */
  async addBand({ data, rows, isZero }: RasterBand): Promise<void> {
    await this.#writeTiles(data, rows, isZero);
    await this.#passOn(data, rows, isZero);
    this.#rowsDone += rows;
  }

  /** Writes what is pending; bands of the level above have ended. */
  async finish(): Promise<void> {
    if (this.#pendingRows > 0) await this.#flush();
  }

  async #flush(): Promise<void> {
    const data = this.#pending.subarray(0, this.#pendingRows * this.width);
    const band = { top: this.#rowsDone, rows: this.#pendingRows, data, isZero: this.#pendingIsZero };
    this.#pendingRows = 0;
    this.#pendingIsZero = true;
    await this.addBand(band);
  }

  /** Halves rows into the level below. Bands begin at even rows, because tiles are of even size. */
  async #passOn(data: Uint8Array, rows: number, isZero: boolean): Promise<void> {
    const below = this.#below;
    if (below === null) return;
    const reduced = this.height === 1 ? 1 : Math.floor(rows / 2);
    for (let row = 0; row < reduced; row++) {
      if (below.#pendingRows === this.#tileSize) await below.#flush();
      const at = below.#pendingRows * below.width;
      if (isZero) below.#pending.fill(0, at, at + below.width);
      else {
        const upper = data.subarray(2 * row * this.width, (2 * row + 1) * this.width);
        const next = Math.min(2 * row + 1, rows - 1);
        const lower = data.subarray(next * this.width, (next + 1) * this.width);
        reduceRows(this.#reduction, upper, lower, this.width, below.#pending, at);
        below.#pendingIsZero = false;
      }
      below.#pendingRows++;
    }
  }

  async #writeTiles(data: Uint8Array, rows: number, isZero: boolean): Promise<void> {
    const first = Math.floor(this.#rowsDone / this.#tileSize) * this.#columns;
    for (let column = 0; column < this.#columns; column += BATCH) {
      const columns = Math.min(BATCH, this.#columns - column);
      const batch = Array.from({ length: columns }, (_, index) =>
        isZero ? null : this.#compressTile(data, rows, column + index),
      );
      for (const [index, bytes] of (await Promise.all(batch)).entries()) {
        const stored =
          bytes === null ? await this.#file.zeroTile(this.#tileSize ** 2) : await this.#file.append(bytes);
        this.offsets[first + column + index] = stored.offset;
        this.byteCounts[first + column + index] = stored.bytes;
      }
    }
  }

  /** Null for a tile of zeros. */
  async #compressTile(data: Uint8Array, rows: number, column: number): Promise<Uint8Array | null> {
    const tile = new Uint8Array(this.#tileSize ** 2);
    const left = column * this.#tileSize;
    const right = Math.min(left + this.#tileSize, this.width);
    for (let row = 0; row < rows; row++) {
      const from = row * this.width;
      tile.set(data.subarray(from + left, from + right), row * this.#tileSize);
    }
    return isZeroThroughout(tile) ? null : compress(tile);
  }
}

function isZeroThroughout(tile: Uint8Array): boolean {
  const words = new Float64Array(tile.buffer, tile.byteOffset, tile.length / 8);
  // NaN patterns differ from zero too, as they should.
  return words.every((word) => Object.is(word, 0));
}

function fieldsOf(
  level: LevelWriter,
  index: number,
  raster: TiledRaster,
  { micronsPerPixel, description }: PyramidTiffOptions,
  software: string,
): WrittenField[] {
  const short = (tag: number, value: number): WrittenField => ({
    tag,
    type: FieldType.Short,
    values: [value],
  });
  const long = (tag: number, value: number): WrittenField => ({ tag, type: FieldType.Long, values: [value] });
  const fields = [
    long(254, index === 0 ? 0 : REDUCED_RESOLUTION),
    long(256, level.width),
    long(257, level.height),
    short(258, 8),
    short(259, ADOBE_DEFLATE),
    short(262, 1),
    short(277, 1),
    short(284, 1),
    asciiField(305, software),
    long(322, raster.tileSize),
    long(323, raster.tileSize),
    { tag: 324, type: FieldType.Long8, values: level.offsets },
    { tag: 325, type: FieldType.Long, values: level.byteCounts },
  ];
  if (index === 0) fields.push(asciiField(270, description));
  if (micronsPerPixel !== null) {
    const perPixel = (microns: number, full: number, reduced: number): number =>
      (microns * raster.downsample * full) / reduced;
    const x = perPixel(micronsPerPixel.x, raster.width, level.width);
    const y = perPixel(micronsPerPixel.y, raster.height, level.height);
    fields.push(
      rationalField(282, MICRONS_PER_CENTIMETRE / x),
      rationalField(283, MICRONS_PER_CENTIMETRE / y),
    );
    fields.push(short(296, CENTIMETRE));
  }
  return fields;
}
