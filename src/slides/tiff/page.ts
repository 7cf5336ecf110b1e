import type { RandomAccessFile } from "../../common/index.js";
import type { TiffDirectory } from "./directory.js";
import type { NumberArray } from "./number-array.js";
import { readSampleLayout, type SampleLayout } from "./sample-layout.js";
import { Compression, compressionName, TiffTag } from "./tags.js";

/** Longest side of a picture in pixels; the largest slides have a few hundred thousand. */
const MAX_SIDE = 2 ** 24;
/** Largest decoded tile or strip in bytes: 2896 × 2896 RGB. Slides have tiles of 240 to 1024 pixels. */
export const MAX_SEGMENT_BYTES = 24 * 2 ** 20;
/** Uncompressed strips longer than this are read in parts of about this size, in bytes. */
const STRIP_PART_BYTES = 2 ** 20;

const READ_COMPRESSIONS: ReadonlySet<number> = new Set(Object.values(Compression));

/** How a page's pixels are cut into tiles or strips. */
export interface SegmentLayout {
  readonly tiled: boolean;
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly rows: number;
  /** True when the one stored strip, uncompressed, is read as many. */
  readonly dividesOneStrip: boolean;
}

/** One picture of a TIFF file: what it takes to read its tiles or strips. */
export interface TiffPage {
  /** What messages call it, such as "page 2" or "page 0, sub-page 1". */
  readonly name: string;
  readonly directory: TiffDirectory;
  readonly width: number;
  readonly height: number;
  readonly segmentation: SegmentLayout;
  readonly compression: number;
  readonly samples: SampleLayout;
  /** See {@link isReduced} and {@link isMask}. */
  readonly subfileType: number;
  readonly jpegTables: Uint8Array | null;
  readonly offsets: NumberArray;
  readonly byteCounts: NumberArray;
}

/** A picture that is stored in a way that is not read, though nothing is wrong with it. */
export interface UnsupportedPage {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly subfileType: number;
  readonly unsupported: string;
}

/** Bits of NewSubfileType (TIFF 6.0 section 8); 2 is a page of several. */
const REDUCED = 1;
const MASK = 4;

/** True for what the file says to be a smaller picture of another page. */
export function isReduced({ subfileType }: { readonly subfileType: number }): boolean {
  return (subfileType & REDUCED) !== 0;
}

/** True for what the file says to be a transparency mask. */
export function isMask({ subfileType }: { readonly subfileType: number }): boolean {
  return (subfileType & MASK) !== 0;
}

/**
 * What a directory says of its picture.
 * @throws EpSamError `slide` when that contradicts itself, the file, or the limits
 */
export async function readPage(
  file: RandomAccessFile,
  directory: TiffDirectory,
  name: string,
): Promise<TiffPage | UnsupportedPage> {
  const width = await side(file, directory, TiffTag.ImageWidth, name);
  const height = await side(file, directory, TiffTag.ImageLength, name);
  const subfileType = await directory.number(TiffTag.NewSubfileType, 0);
  const unread = { name, width, height, subfileType };
  const compression = await directory.number(TiffTag.Compression, Compression.None);
  if (!READ_COMPRESSIONS.has(compression)) {
    return { ...unread, unsupported: `compression ${compressionName(compression)}` };
  }
  const samples = await readSampleLayout(file, directory, compression);
  if (typeof samples === "string") return { ...unread, unsupported: samples };
  const depth = await directory.number(TiffTag.ImageDepth, 1);
  if (depth !== 1) return { ...unread, unsupported: `an image depth of ${depth}` };
  const size = { width, height };
  const segmentation = await readSegmentation(
    file,
    directory,
    size,
    compression,
    samples.bytesPerSegmentPixel,
  );
  const { offsets, byteCounts } = segmentArrays(file, directory, segmentation, samples.planes);
  return {
    name,
    directory,
    width,
    height,
    segmentation,
    compression,
    samples,
    subfileType,
    jpegTables: compression === Compression.Jpeg ? await directory.rawBytes(TiffTag.JPEGTables) : null,
    offsets,
    byteCounts,
  };
}

async function side(
  file: RandomAccessFile,
  directory: TiffDirectory,
  tag: number,
  name: string,
): Promise<number> {
  const pixels = await directory.number(tag, 0);
  if (pixels > 0 && pixels <= MAX_SIDE) return pixels;
  throw file.error("holds an image of absurd dimensions", `${name} is ${pixels} pixels wide or high`);
}

async function readSegmentation(
  file: RandomAccessFile,
  directory: TiffDirectory,
  size: { readonly width: number; readonly height: number },
  compression: number,
  bytesPerPixel: number,
): Promise<SegmentLayout> {
  const tiled = directory.has(TiffTag.TileWidth) || directory.has(TiffTag.TileOffsets);
  const width = tiled ? await directory.number(TiffTag.TileWidth, 0) : size.width;
  const stored = tiled
    ? await directory.number(TiffTag.TileLength, 0)
    : Math.min(size.height, await directory.number(TiffTag.RowsPerStrip, size.height));
  const dividesOneStrip = !tiled && compression === Compression.None && stored === size.height;
  const rowBytes = width * bytesPerPixel;
  const height = dividesOneStrip
    ? Math.min(stored, Math.max(1, Math.floor(STRIP_PART_BYTES / rowBytes)))
    : stored;
  const bytes = rowBytes * height;
  if (!(bytes > 0 && bytes <= MAX_SEGMENT_BYTES)) {
    const kind = tiled ? "tiles" : "strips";
    throw file.error(
      `holds ${kind} of absurd size`,
      `${width} × ${height} pixels are ${bytes} bytes of at most ${MAX_SEGMENT_BYTES}`,
      "Convert it to tiles of 256 or 512 pixels, for example with libvips.",
    );
  }
  const columns = Math.ceil(size.width / width);
  return { tiled, width, height, columns, rows: Math.ceil(size.height / height), dividesOneStrip };
}

function segmentArrays(
  file: RandomAccessFile,
  directory: TiffDirectory,
  { tiled, columns, rows, dividesOneStrip }: SegmentLayout,
  planes: number,
): { offsets: NumberArray; byteCounts: NumberArray } {
  const offsets = directory.numberArray(tiled ? TiffTag.TileOffsets : TiffTag.StripOffsets);
  const byteCounts = directory.numberArray(tiled ? TiffTag.TileByteCounts : TiffTag.StripByteCounts);
  const kind = tiled ? "tile" : "strip";
  if (offsets === null || byteCounts === null) {
    throw file.error("does not say where its pixels are", `${kind} offsets or byte counts are missing`);
  }
  const needed = dividesOneStrip ? planes : columns * rows * planes;
  const held = Math.min(offsets.count, byteCounts.count);
  if (held < needed) {
    throw file.error("lists too few of its pixels", `${held} ${kind}s of ${needed} that its dimensions need`);
  }
  return { offsets, byteCounts };
}
