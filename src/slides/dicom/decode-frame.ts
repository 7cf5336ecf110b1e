import sharp from "sharp";
import { messageOf } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type JpegHeader, readJpegHeader, withColourMarker } from "../jpeg-header.js";
import { slideError } from "../slide-error.js";
import { decodeJpeg2000 } from "../tiff/jpeg-2000.js";
import type { DicomInstance } from "./instance.js";

/** A frame's JPEG stream with its colours stated, and whether that contradicts the attributes. */
export interface StatedJpeg {
  readonly bytes: Uint8Array;
  /** Set when the stream's own markers say another colour model than Photometric Interpretation. */
  readonly contradiction: string | null;
}

/**
 * The stream of a frame with a marker of its colour model where it has none, which decoders would guess. Markers
 * in the stream and subsampled components win over Photometric Interpretation: converters write the colours of
 * the decoded image there (`small_dicom.dcm` says RGB over JFIF streams), and JFIF allows YCbCr alone.
 * @throws EpSamError `slide` when the stream is damaged or of another size than the attributes say
 */
export function statedJpeg(instance: DicomInstance, bytes: Uint8Array, frame: number): StatedJpeg {
  const header = checkedHeader(instance, bytes, frame);
  if (header.components === 1) return { bytes, contradiction: null };
  const declared = instance.photometric === "RGB" ? "RGB" : "YCbCr";
  const stored = storedColours(header) ?? declared;
  const hasMarker = header.hasJfif || header.adobeTransform !== null;
  return {
    bytes: hasMarker ? bytes : withColourMarker(bytes, stored),
    contradiction:
      stored === declared
        ? null
        : `Photometric Interpretation says ${instance.photometric}, the JPEG frames hold ${stored}`,
  };
}

/** The colour model as the stream itself tells; null when it does not. */
function storedColours(header: JpegHeader): "RGB" | "YCbCr" | null {
  if (header.adobeTransform !== null) return header.adobeTransform === 0 ? "RGB" : "YCbCr";
  return header.hasJfif || header.isSubsampled ? "YCbCr" : null;
}

function checkedHeader(instance: DicomInstance, bytes: Uint8Array, frame: number): JpegHeader {
  const { path } = instance.file;
  const header = headerOf(path, bytes, frame);
  const { tileWidth, tileHeight, encoding } = instance;
  if (header.width !== tileWidth || header.height !== tileHeight) {
    const why = `frame ${frame} has ${header.width} × ${header.height} pixels, not ${tileWidth} × ${tileHeight}`;
    throw slideError(path, "has a frame of another size than it claims", why);
  }
  if (header.components !== encoding.samples || header.bitsPerSample !== 8) {
    const why = `frame ${frame} has ${header.components} components of ${header.bitsPerSample} bits`;
    throw slideError(path, "has a frame of another kind than it claims", why);
  }
  return header;
}

function headerOf(path: string, bytes: Uint8Array, frame: number): JpegHeader {
  try {
    return readJpegHeader(bytes);
  } catch (cause) {
    throw slideError(path, "has a damaged frame", `frame ${frame}: ${messageOf(cause)}`, undefined, cause);
  }
}

/**
 * Decodes a JPEG frame.
 * @throws EpSamError `slide` when it is damaged
 */
export async function decodeJpegFrame(
  instance: DicomInstance,
  bytes: Uint8Array,
  frame: number,
): Promise<RgbImage> {
  const { tileWidth: width, tileHeight: height } = instance;
  try {
    const decoded = await sharp(bytes, {
      failOn: "warning",
      ignoreIcc: true,
      limitInputPixels: width * height,
    })
      .toColourspace("srgb")
      .raw()
      .toBuffer();
    if (decoded.length !== width * height * 3) throw new Error("it does not decode to three colours");
    return { width, height, data: decoded };
  } catch (cause) {
    const why = `frame ${frame}: ${messageOf(cause).split("\n")[0]}`;
    throw slideError(instance.file.path, "has a damaged frame", why, undefined, cause);
  }
}

/**
 * Decodes a JPEG 2000 frame.
 * @throws EpSamError `slide` when it is damaged or of another size than the attributes say
 */
export async function decodeJpeg2000Frame(
  instance: DicomInstance,
  bytes: Uint8Array,
  frame: number,
): Promise<RgbImage> {
  const { tileWidth: width, tileHeight: height } = instance;
  try {
    const { data } = await decodeJpeg2000(bytes, { width, height }, "rgb");
    return { width, height, data };
  } catch (cause) {
    const why = `frame ${frame}: ${messageOf(cause)}`;
    throw slideError(instance.file.path, "has a damaged frame", why, undefined, cause);
  }
}

/** Orders the samples of an uncompressed frame as RGB pixels. */
export function arrangeNativeFrame(instance: DicomInstance, bytes: Uint8Array): RgbImage {
  const { tileWidth: width, tileHeight: height, encoding } = instance;
  if (encoding.samples === 3 && !encoding.isPlanar) return { width, height, data: bytes };
  const pixels = width * height;
  const data = new Uint8Array(pixels * 3);
  const planeStep = encoding.samples === 3 ? pixels : 0;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      data[pixel * 3 + channel] = bytes[pixel + channel * planeStep] ?? 0;
    }
  }
  return { width, height, data };
}
