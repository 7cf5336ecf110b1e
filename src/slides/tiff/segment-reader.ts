import { isEpSamError, messageOf, type RandomAccessFile } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { CompressedTile } from "../pixel-source.js";
import type { LevelRectangle, PixelPlace, TilePixels } from "../region.js";
import { returnStoredBytes, takeStoredBytes } from "../tile-buffers.js";
import { type DecodedSegment, decodeJpegPart, decodeSegment, isWebP, pageJpeg } from "./decode-segment.js";
import { MAX_SEGMENT_BYTES, type TiffPage } from "./page.js";
import { interleave, rgbOfSamples } from "./rgb-of-samples.js";
import { Compression } from "./tags.js";

/** Stored bytes that any tile may have, however few its pixels. */
const SMALL_TILE_BYTES = 2 ** 20;

const newBytes = (length: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);

/** Reads the tiles or strips of one page. */
export class SegmentReader {
  readonly page: TiffPage;
  readonly #file: RandomAccessFile;

  constructor(file: RandomAccessFile, page: TiffPage) {
    this.#file = file;
    this.page = page;
  }

  /**
   * The pixels of a tile or strip; null when the file leaves it out (offset or length 0).
   * @throws EpSamError `slide` when it is damaged
   */
  async read(column: number, row: number): Promise<RgbImage | null> {
    const { page } = this;
    const planes: DecodedSegment[] = [];
    for (let plane = 0; plane < page.samples.planes; plane++) {
      const bytes = await this.#stored(column, row, plane);
      if (bytes === null) return null;
      planes.push(await this.#guard(column, row, () => decodeSegment(page, bytes, this.#storedRows(row))));
    }
    const [first] = planes;
    if (first === undefined) return null;
    return rgbOfSamples(planes.length === 1 ? first : interleave(planes), page.samples);
  }

  /**
   * A part of a tile of JPEG, put in its place at once where that can be; all of the tile where its decoder knows no parts;
   * null when the file leaves it out.
   * @throws EpSamError `slide` when the tile is damaged, wherever that is in it
   */
  async readPart(
    column: number,
    row: number,
    part: LevelRectangle,
    place: PixelPlace,
  ): Promise<TilePixels | "placed" | null> {
    const { page } = this;
    const bytes = await this.#stored(column, row, 0, takeStoredBytes);
    if (bytes === null) return null;
    const decoded = await this.#guard(column, row, () => decodeJpegPart(page, bytes, part, place));
    returnStoredBytes(bytes);
    if (decoded === "placed") return decoded;
    const { segment, isPart } = decoded;
    const pixels = rgbOfSamples(segment, page.samples);
    const isLent = pixels.data === segment.data;
    return isPart ? { ...pixels, left: part.left, top: part.top, isLent } : pixels;
  }

  /** Whether {@link readPart} can be asked. */
  get hasParts(): boolean {
    const { compression, samples } = this.page;
    return compression === Compression.Jpeg && samples.planes === 1;
  }

  /** Whether the file holds a tile or strip, all its planes. */
  async has(column: number, row: number): Promise<boolean> {
    for (let plane = 0; plane < this.page.samples.planes; plane++) {
      const { offset, length } = await this.#location(column, row, plane);
      if (offset === 0 || length === 0) return false;
    }
    return true;
  }

  /** The tile as a stream of its own; null when it is missing or of no format that can stand alone. */
  async readCompressed(column: number, row: number): Promise<CompressedTile | null> {
    const { page } = this;
    if (page.compression !== Compression.Jpeg && page.compression !== Compression.WebP) return null;
    const stored = await this.#stored(column, row, 0);
    if (stored === null) return null;
    return this.#guard(column, row, async () => {
      if (page.compression === Compression.Jpeg) {
        const { head, scans } = pageJpeg(page, stored);
        return { mediaType: "image/jpeg", bytes: Buffer.concat([head, scans]) };
      }
      if (!isWebP(stored)) throw new Error("no WebP stream");
      return { mediaType: "image/webp", bytes: stored };
    });
  }

  /** Rows of pixels in the stored segment: tiles are always whole, strips end with the picture. */
  #storedRows(row: number): number {
    const { height, segmentation } = this.page;
    if (segmentation.tiled) return segmentation.height;
    return Math.min(segmentation.height, height - row * segmentation.height);
  }

  async #stored(
    column: number,
    row: number,
    plane: number,
    take = newBytes,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const { offset, length } = await this.#location(column, row, plane);
    if (offset === 0 || length === 0) return null;
    const { segmentation, samples, name } = this.page;
    const pixels = segmentation.width * segmentation.height * samples.bytesPerSegmentPixel;
    const most = Math.min(MAX_SEGMENT_BYTES, Math.max(SMALL_TILE_BYTES, 2 * pixels));
    if (length > most) {
      throw this.#file.error(
        "holds a tile of absurd size",
        `${length} bytes at ${column}, ${row} of ${name}`,
      );
    }
    return this.#file.readInto(take, offset, length, `a tile of ${name}`);
  }

  async #location(column: number, row: number, plane: number): Promise<{ offset: number; length: number }> {
    const { offsets, byteCounts, segmentation, samples } = this.page;
    if (segmentation.dividesOneStrip) {
      const strip = await offsets.get(plane);
      const rowBytes = segmentation.width * samples.bytesPerSegmentPixel;
      const length = rowBytes * this.#storedRows(row);
      const start = row * segmentation.height * rowBytes;
      if ((await byteCounts.get(plane)) < start + length) {
        throw this.#file.error("holds too few bytes of pixels", `its only strip ends before row ${row}`);
      }
      return { offset: strip === 0 ? 0 : strip + start, length };
    }
    const perPlane = segmentation.columns * segmentation.rows;
    const index = plane * perPlane + row * segmentation.columns + column;
    const [offset, length] = await Promise.all([offsets.get(index), byteCounts.get(index)]);
    return { offset, length };
  }

  /** Turns what a decoder says into an error about the slide. */
  async #guard<T>(column: number, row: number, decode: () => Promise<T>): Promise<T> {
    try {
      return await decode();
    } catch (cause) {
      if (isEpSamError(cause)) throw cause;
      const [reason = ""] = messageOf(cause).split("\n");
      const where = `${this.page.segmentation.tiled ? "tile" : "strip"} ${column}, ${row} of ${this.page.name}`;
      throw this.#file.error("has pixels that cannot be decoded", `${where}: ${reason}`, undefined, cause);
    }
  }
}
