import { promisify } from "node:util";
import { inflate } from "node:zlib";
import sharp from "sharp";
import { decodeJpegStream } from "../jpeg-decoder.js";
import type { PicturePart } from "../jpeg-fast.js";
import type { PixelPlace } from "../region.js";
import { decodeJpeg2000 } from "./jpeg-2000.js";
import { type StandaloneJpeg, standaloneJpeg } from "./jpeg-stream.js";
import { decodeLzw } from "./lzw.js";
import { decodePackBits } from "./pack-bits.js";
import type { TiffPage } from "./page.js";
import { Compression, Photometric } from "./tags.js";

/** Decoded samples of a tile, a strip, or one plane of them, interleaved. */
export interface DecodedSegment {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
  /** True when the samples are RGB, whatever the page's photometric interpretation. */
  readonly isRgb: boolean;
}

const inflateAsync = promisify(inflate);
const NONE = new Uint8Array(0);

/**
 * Decodes the stored bytes of one tile or strip.
 * @param rows that it must hold; a strip at the lower edge holds fewer than others
 * @throws Error when the bytes are not what the page says
 */
export async function decodeSegment(
  page: TiffPage,
  bytes: Uint8Array,
  rows: number,
): Promise<DecodedSegment> {
  switch (page.compression) {
    case Compression.Jpeg:
      return decodeJpeg(page, bytes);
    case Compression.WebP:
      return decodeWebP(page, bytes);
    case Compression.AperioJpeg2000Ycc:
      return decodeJpeg2000(bytes, page.segmentation, "ycc");
    case Compression.AperioJpeg2000Rgb:
      return decodeJpeg2000(bytes, page.segmentation, "rgb");
    default:
      return decodeSamples(page, bytes, rows);
  }
}

/** Of each page, the head of the tile that was read last. */
const lastHeads = new WeakMap<TiffPage, StandaloneJpeg>();

/** A JPEG tile of the page as a stream of its own. */
export function pageJpeg(page: TiffPage, bytes: Uint8Array): StandaloneJpeg {
  const colour = page.samples.photometric === Photometric.Ycc ? "ycc" : "rgb";
  const last = lastHeads.get(page);
  const stream = standaloneJpeg(bytes, page.jpegTables, colour, last);
  if (stream.head !== last?.head) lastHeads.set(page, { ...stream, scans: NONE });
  const { width, height } = page.segmentation;
  if (stream.width > width || stream.height > height || stream.width * stream.height === 0) {
    throw new Error(
      `a JPEG stream of ${stream.width} × ${stream.height} pixels in a tile of ${width} × ${height}`,
    );
  }
  if (stream.components !== page.samples.colours) {
    throw new Error(`a JPEG stream of ${stream.components} components for ${page.samples.colours} samples`);
  }
  return stream;
}

async function decodeJpeg(page: TiffPage, bytes: Uint8Array): Promise<DecodedSegment> {
  const stream = pageJpeg(page, bytes);
  const { head, scans } = stream;
  // Sharp decides about streams that the fast decoder finds fault with; some faults are harmless.
  const image =
    (await decodeJpegStream([head, scans], stream)) ??
    (await decodeBySharp(Buffer.concat([head, scans]), stream));
  return { ...image, isRgb: stream.components === 3 };
}

/**
 * A part of a tile of JPEG; all of it from decoders that know no parts.
 * @param place where the part's pixels go if they can be put there at once
 * @returns "placed" when they are there
 * @throws Error as {@link decodeSegment}
 */
export async function decodeJpegPart(
  page: TiffPage,
  bytes: Uint8Array,
  { left, top, width, height }: PicturePart,
  place: PixelPlace,
): Promise<{ readonly segment: DecodedSegment; readonly isPart: boolean } | "placed"> {
  const stream = pageJpeg(page, bytes);
  const right = Math.min(left + width, stream.width);
  const bottom = Math.min(top + height, stream.height);
  if (left >= right || top >= bottom) return { segment: await decodeJpeg(page, bytes), isPart: false };
  const part = { left, top, width: right - left, height: bottom - top };
  const pieces = [stream.head, stream.scans];
  const isAll = part.width === width && part.height === height && stream.components === 3;
  const image = await (isAll
    ? decodeJpegStream(pieces, stream, part, place)
    : decodeJpegStream(pieces, stream, part));
  if (image === "placed") return image;
  if (image === null || image.decoder === "complete") {
    return { segment: await decodeJpeg(page, bytes), isPart: false };
  }
  return { segment: { ...image, isRgb: stream.components === 3 }, isPart: true };
}

async function decodeWebP(page: TiffPage, bytes: Uint8Array): Promise<DecodedSegment> {
  if (!isWebP(bytes)) throw new Error("no WebP stream");
  return { ...(await decodeBySharp(bytes, page.segmentation)), isRgb: true };
}

/** True for a RIFF container of the type WEBP. */
export function isWebP(bytes: Uint8Array): boolean {
  const name = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  return name(0) === "RIFF" && name(8) === "WEBP";
}

/** Decodes without colour management; the caller has checked the format by its first bytes. */
async function decodeBySharp(
  bytes: Uint8Array,
  limit: { readonly width: number; readonly height: number },
): Promise<Omit<DecodedSegment, "isRgb">> {
  // Any laxer failOn returns grey or black where a stream is damaged.
  const options = {
    failOn: "warning",
    ignoreIcc: true,
    limitInputPixels: limit.width * limit.height,
  } as const;
  const { data, info } = await sharp(bytes, options).raw().toBuffer({ resolveWithObject: true });
  if (info.width > limit.width || info.height > limit.height) {
    throw new Error(`a stream of ${info.width} × ${info.height} pixels for ${limit.width} × ${limit.height}`);
  }
  return { width: info.width, height: info.height, channels: info.channels, data };
}

async function decodeSamples(page: TiffPage, bytes: Uint8Array, rows: number): Promise<DecodedSegment> {
  const { segmentation, samples } = page;
  const channels = samples.bytesPerSegmentPixel;
  const rowBytes = segmentation.width * channels;
  const data = await unpack(page.compression, bytes, rowBytes * rows, rowBytes * segmentation.height);
  if (samples.differenced) undoDifferences(data, rowBytes, channels);
  return { width: segmentation.width, height: rows, channels, data, isRgb: false };
}

async function unpack(
  compression: number,
  bytes: Uint8Array,
  needed: number,
  most: number,
): Promise<Uint8Array> {
  switch (compression) {
    case Compression.Lzw:
      return decodeLzw(bytes, needed);
    case Compression.PackBits:
      return decodePackBits(bytes, needed);
    case Compression.Deflate:
    case Compression.AdobeDeflate:
      // One chunk of the whole size, so that the output is never held twice.
      return sized(
        await inflateAsync(bytes, { maxOutputLength: most, chunkSize: Math.max(64, most) }),
        needed,
      );
    default:
      return sized(Uint8Array.from(bytes), needed);
  }
}

function sized(data: Uint8Array, needed: number): Uint8Array {
  if (data.length < needed) throw new Error(`${data.length} bytes of pixels where ${needed} are needed`);
  return data.subarray(0, needed);
}

/** Undoes horizontal differencing in place (TIFF 6.0 section 14). */
function undoDifferences(data: Uint8Array, rowBytes: number, channels: number): void {
  for (let row = 0; row < data.length; row += rowBytes) {
    for (let at = row + channels; at < row + rowBytes; at++) {
      data[at] = ((data[at] ?? 0) + (data[at - channels] ?? 0)) & 255;
    }
  }
}
