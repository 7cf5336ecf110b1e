import { readFile } from "node:fs/promises";
import sharp, { type Metadata } from "sharp";
import { EpSamError, type ErrorTag, isEpSamError, messageOf } from "../common/index.js";
import { decodeBmp, isBmp, numbersOfBmp } from "./bmp.js";
import { isLossy } from "./lossy.js";
import { requireOwnColours, withNumbersForColours, withWidePalette } from "./palette.js";
import type { RgbImage } from "./types.js";

/** Pixel samples as the file holds them, one, three channels, 8 or 16 bits; alpha is dropped. */
export interface RawSamples {
  /** Whether some pixel is not opaque; looked for in masks, and where it is asked for. */
  readonly hasTransparentPixels: boolean;
  /** Whether the file was compressed with loss, so that equal samples came back as slightly different ones. */
  readonly isLossy: boolean;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly bits: 8 | 16;
  readonly data: Uint8Array | Uint16Array;
}

/** As many as sharp reads unless told otherwise. */
const MAXIMUM_PIXELS = 0x3fff * 0x3fff;
const FORMATS = new Set(["jpeg", "png", "webp", "tiff", "gif", "heif"]);

/**
 * Reads an image file as 8-bit RGB: grey is repeated, 16-bit is divided by 256, alpha and colour
 * profile are ignored (as Pillow does).
 * @throws EpSamError `input-image` when the file is missing, unreadable, truncated or no image; when its orientation
 *   tag turns it, since nobody knows whether an accompanying mask was turned alike; and for CMYK, whose colours
 *   depend on a printer.
 */
export async function readRgbImage(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeRgb(await readInputFile(path, "input-image"), path, options);
}

export interface DecodeOptions {
  /** Refuses transparent pixels, whose colours nobody sees: for images that are learned from or segmented. */
  readonly opaque?: boolean | undefined;
}

/**
 * Decodes PNG, JPEG, TIFF, WebP, GIF, AVIF or BMP bytes as 8-bit RGB; see {@link readRgbImage}.
 * @param name what error messages call the image, usually its path.
 * @throws EpSamError `input-image` when the bytes are truncated or no image.
 */
export async function decodeRgb(
  bytes: Uint8Array,
  name: string,
  { opaque = false }: DecodeOptions = {},
): Promise<RgbImage> {
  const samples = await decodeSamples(bytes, name, "input-image", opaque);
  const { width, height, channels, bits, data } = samples;
  if (opaque && samples.hasTransparentPixels) {
    throw new EpSamError("input-image", {
      what: "has transparent pixels",
      where: name,
      why: "the colours that the file has there are shown by no viewer",
      action: "Save it without transparency, on a white background.",
    });
  }
  if (channels === 3 && bits === 8 && data instanceof Uint8Array) return { width, height, data };
  const rgb = new Uint8Array(width * height * 3);
  const shift = bits - 8;
  for (let index = 0; index < rgb.length; index++) {
    const source = channels === 3 ? index : Math.floor(index / 3);
    rgb[index] = (data[source] ?? 0) >> shift;
  }
  return { width, height, data: rgb };
}

/**
 * Reads a whole file.
 * @throws EpSamError with the given tag when it is missing, a directory, empty or not readable.
 */
export async function readInputFile(path: string, tag: ErrorTag): Promise<Uint8Array> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw missingFile(path, tag, cause);
  });
  if (bytes.length > 0) return bytes;
  throw new EpSamError(tag, {
    what: "is an empty file",
    where: path,
    why: "0 bytes",
    action: "Copy or export it again, or remove it from the input.",
  });
}

function missingFile(path: string, tag: ErrorTag, cause: unknown): EpSamError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const absent = code === "ENOENT" || code === "ENOTDIR";
  return new EpSamError(
    tag,
    {
      what: absent ? "does not exist" : "cannot be read",
      where: path,
      why: messageOf(cause),
      action: absent ? "Check the path and its spelling." : "Check that it is a file you may read.",
    },
    { cause },
  );
}

/**
 * Decodes the samples without changing their depth.
 * @throws EpSamError with the given tag when the bytes are truncated, no image or of an unsupported kind.
 */
export async function decodeSamples(
  bytes: Uint8Array,
  name: string,
  tag: ErrorTag,
  opaque = tag === "input-mask",
): Promise<RawSamples> {
  try {
    return isBmp(bytes) ? bmpSamples(bytes, name, tag) : await sharpSamples(bytes, name, tag, opaque);
  } catch (cause) {
    if (isEpSamError(cause)) throw cause;
    throw new EpSamError(
      tag,
      {
        what: "cannot be decoded as an image",
        where: name,
        why: firstLine(messageOf(cause)),
        action: "Open it in an image viewer to check it; copy or export it again as 8-bit PNG, or remove it.",
      },
      { cause },
    );
  }
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? text).trim();
}

function bmpSamples(bytes: Uint8Array, name: string, tag: ErrorTag): RawSamples {
  const picture = decodeBmp(bytes);
  const numbers = tag === "input-mask" ? numbersOfBmp(bytes) : null;
  if (numbers !== null) requireOwnColours(picture.data, numbers, name);
  return { ...picture, channels: 3, bits: 8, hasTransparentPixels: false, isLossy: false };
}

/** What the values 2 to 8 of the orientation tag do to the picture in a viewer (EXIF 2.32, 4.6.5 A). */
const ORIENTATIONS: Readonly<Record<number, string>> = {
  2: "mirrored",
  3: "turned by 180°",
  4: "mirrored upside down",
  5: "mirrored and turned by 90°",
  6: "turned by 90°",
  7: "mirrored and turned by 270°",
  8: "turned by 270°",
};

/** @throws EpSamError with the given tag when viewers show other pixels, or elsewhere, than the file holds */
function requirePlainPixels({ orientation = 1, space }: Metadata, name: string, tag: ErrorTag): void {
  const turned = ORIENTATIONS[orientation];
  if (turned !== undefined) {
    throw new EpSamError(tag, {
      what: "has an orientation tag",
      where: name,
      why: `viewers show it ${turned} (orientation ${orientation}), many programs do not: image, mask and outlines may not fit each other`,
      action: "Save it upright without the tag, for example with `magick IN -auto-orient OUT`.",
    });
  }
  if (space !== "cmyk") return;
  throw new EpSamError(tag, {
    what: "is in the colours of print (CMYK)",
    where: name,
    why: "what they look like depends on a printer's profile",
    action: "Export it as RGB.",
  });
}

/** @throws EpSamError with the given tag for more pixels than are read at once: half a gigabyte and more as RGB */
function requireFewPixels({ width, height }: Metadata, name: string, tag: ErrorTag): void {
  if (width * height <= MAXIMUM_PIXELS) return;
  const pyramid = "`vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg --bigtiff`";
  throw new EpSamError(tag, {
    what: "is too large to be read as one image",
    where: name,
    why: `${width} × ${height} pixels, more than ${MAXIMUM_PIXELS}`,
    action:
      tag === "input-mask"
        ? "Cut image and mask into smaller parts; for a slide, give outlines as annotations instead of a mask."
        : `Cut it into smaller parts, or make it a slide: ${pyramid}.`,
  });
}

/** The brightest sample of 16 bits in a picture taken in bright light: those of 12 or 14 bits stay below. */
const BRIGHT = 2 ** 14;

/** @throws EpSamError `input-image` for samples of fewer bits in 16, which would come out black */
function requireLight(data: Uint8Array | Uint16Array, name: string): void {
  let brightest = 0;
  for (const value of data) brightest = Math.max(brightest, value);
  if (brightest >= BRIGHT) return;
  throw new EpSamError("input-image", {
    what: "is nearly black as 16-bit samples",
    where: name,
    why: `the brightest is ${brightest} of 65535: cameras of 10 to 14 bits write so, and nothing tells how many it has`,
    action: "Export it as 8-bit RGB.",
  });
}

/** @throws EpSamError with the given tag for several pictures of one size: planes, frames or classes */
async function requireOnePicture(
  bytes: Uint8Array,
  { width, height, pages = 1 }: Metadata,
  name: string,
  tag: ErrorTag,
): Promise<void> {
  if (pages < 2) return;
  const second = await sharp(bytes, { page: 1, limitInputPixels: false }).metadata();
  // The levels of a pyramid are smaller.
  if (second.width !== width || second.height !== height) return;
  throw new EpSamError(tag, {
    what: `holds ${pages} pictures of one size`,
    where: name,
    why: "nothing tells which of these planes or frames is meant",
    action: "Save the one that is meant as a file of its own.",
  });
}

async function sharpSamples(
  stored: Uint8Array,
  name: string,
  tag: ErrorTag,
  opaque: boolean,
): Promise<RawSamples> {
  const bytes = withWidePalette(stored);
  // Its own limit would not tell the size.
  const image = sharp(bytes, { failOn: "warning", ignoreIcc: true, limitInputPixels: false });
  const metadata = await image.metadata();
  const { format, depth, space, hasAlpha } = metadata;
  if (!FORMATS.has(format)) throw new Error(`${format} files are not supported`);
  if (depth !== "uchar" && depth !== "ushort") throw new Error(`samples of type ${depth} are not supported`);
  requirePlainPixels(metadata, name, tag);
  requireFewPixels(metadata, name, tag);
  await requireOnePicture(bytes, metadata, name, tag);
  const bits = depth === "ushort" ? 16 : 8;
  const isGrey = space === "b-w" || space === "grey16";
  const colourSpace = isGrey ? (bits === 16 ? "grey16" : "b-w") : bits === 16 ? "rgb16" : "srgb";
  const { data, info } = await image
    .removeAlpha()
    .toColourspace(colourSpace)
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 1 && channels !== 3) throw new Error(`${channels} channels are not supported`);
  const samples = samplesOf(data, bits);
  if (bits === 16 && tag === "input-image") requireLight(samples, name);
  if (tag === "input-mask") await requireOwnPalette(bytes, samples, name);
  return {
    ...{ width, height, channels, bits, data: samples },
    hasTransparentPixels: hasAlpha && opaque && !(await sharp(bytes).stats()).isOpaque,
    isLossy: isLossy(bytes),
  };
}

/** @throws EpSamError `input-mask` as {@link requireOwnColours}, for a PNG or TIFF file with a palette */
async function requireOwnPalette(
  bytes: Uint8Array,
  colours: Uint8Array | Uint16Array,
  name: string,
): Promise<void> {
  const numbered = withNumbersForColours(bytes);
  if (numbered === null) return;
  const numbers = await sharp(numbered, { limitInputPixels: false }).extractChannel(0).raw().toBuffer();
  requireOwnColours(colours, numbers, name);
}

function samplesOf(data: Buffer, bits: 8 | 16): Uint8Array | Uint16Array {
  if (bits === 8) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  // A copy, because a pooled buffer may begin at an odd address.
  return new Uint16Array(Uint8Array.from(data).buffer);
}
