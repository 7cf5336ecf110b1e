import type { RgbImage } from "./types.js";

const FILE_HEADER_BYTES = 14;
const MINIMUM_INFO_HEADER_BYTES = 40;
const UNCOMPRESSED = 0;
const BIT_FIELDS = 3;
/** Blue, green, red, each in a byte of its own: the only bit fields that programs write in practice. */
const BYTE_FIELDS = [0x00ff0000, 0x0000ff00, 0x000000ff] as const;
const MAXIMUM_PIXELS = 0x3fff * 0x3fff;

interface BmpLayout {
  readonly width: number;
  readonly height: number;
  readonly bitsPerPixel: number;
  readonly topDown: boolean;
  readonly pixelOffset: number;
  readonly bytesPerRow: number;
  /** RGB triplets of an indexed image. */
  readonly palette: Uint8Array;
}

/** True when the bytes begin as a Windows bitmap does. */
export function isBmp(bytes: Uint8Array): boolean {
  return bytes[0] === 0x42 && bytes[1] === 0x4d;
}

/**
 * Decodes an uncompressed Windows bitmap (1, 4, 8, 24 or 32 bits per pixel, palette applied), which libvips
 * cannot read but data sets such as GlaS are published in.
 * @throws Error with the reason, for {@link decodeRgb} to wrap with the file's name.
 */
export function decodeBmp(bytes: Uint8Array): RgbImage {
  return decodeLayout(bytes, readLayout(bytes));
}

/** The number of every pixel's colour, of a bitmap with a palette; null for others. */
export function numbersOfBmp(bytes: Uint8Array): Uint8Array | null {
  const layout = readLayout(bytes);
  if (layout.bitsPerPixel > 8) return null;
  const palette = layout.palette.map((_, index) => Math.floor(index / 3));
  return decodeLayout(bytes, { ...layout, palette }).data.filter((_, index) => index % 3 === 0);
}

function decodeLayout(bytes: Uint8Array, layout: BmpLayout): RgbImage {
  const { width, height, bytesPerRow, pixelOffset } = layout;
  if (pixelOffset + bytesPerRow * height > bytes.length) throw new Error("the file ends before its last row");
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = pixelOffset + (layout.topDown ? y : height - 1 - y) * bytesPerRow;
    const target = data.subarray(y * width * 3, (y + 1) * width * 3);
    if (layout.bitsPerPixel <= 8) copyIndexedRow(bytes, row, layout, target);
    else copyTrueColourRow(bytes, row, layout.bitsPerPixel / 8, target);
  }
  return { width, height, data };
}

function readLayout(bytes: Uint8Array): BmpLayout {
  if (bytes.length < FILE_HEADER_BYTES + MINIMUM_INFO_HEADER_BYTES)
    throw new Error("the header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint32(14, true);
  const width = view.getInt32(18, true);
  const signedHeight = view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  const bitsPerPixel = view.getUint16(28, true);
  if (headerBytes < MINIMUM_INFO_HEADER_BYTES) throw new Error("OS/2 bitmaps are not supported");
  if (width <= 0 || height === 0 || width * height > MAXIMUM_PIXELS) {
    throw new Error(`impossible size ${width}x${signedHeight}`);
  }
  if (![1, 4, 8, 24, 32].includes(bitsPerPixel)) throw new Error(`${bitsPerPixel} bits per pixel`);
  requireReadableCompression(view, bitsPerPixel);
  return {
    width,
    height,
    bitsPerPixel,
    topDown: signedHeight < 0,
    pixelOffset: view.getUint32(10, true),
    bytesPerRow: Math.ceil((width * bitsPerPixel) / 32) * 4,
    palette: readPalette(bytes, view, FILE_HEADER_BYTES + headerBytes, bitsPerPixel),
  };
}

function requireReadableCompression(view: DataView, bitsPerPixel: number): void {
  const compression = view.getUint32(30, true);
  if (compression === UNCOMPRESSED) return;
  const hasByteFields =
    compression === BIT_FIELDS &&
    bitsPerPixel === 32 &&
    view.byteLength >= 66 &&
    BYTE_FIELDS.every((mask, index) => view.getUint32(54 + 4 * index, true) === mask);
  if (!hasByteFields) throw new Error(`compressed bitmaps (method ${compression}) are not supported`);
}

function readPalette(bytes: Uint8Array, view: DataView, offset: number, bitsPerPixel: number): Uint8Array {
  if (bitsPerPixel > 8) return new Uint8Array(0);
  const declared = view.getUint32(46, true);
  const entries = Math.min(declared === 0 ? 2 ** bitsPerPixel : declared, 2 ** bitsPerPixel);
  if (offset + entries * 4 > bytes.length) throw new Error("the palette is cut short");
  const palette = new Uint8Array(entries * 3);
  for (let entry = 0; entry < entries; entry++) {
    for (let channel = 0; channel < 3; channel++) {
      palette[entry * 3 + channel] = view.getUint8(offset + entry * 4 + 2 - channel);
    }
  }
  return palette;
}

function copyIndexedRow(bytes: Uint8Array, row: number, layout: BmpLayout, target: Uint8Array): void {
  const { width, bitsPerPixel, palette } = layout;
  const perByte = 8 / bitsPerPixel;
  const mask = 2 ** bitsPerPixel - 1;
  for (let x = 0; x < width; x++) {
    const byte = bytes[row + Math.floor(x / perByte)] ?? 0;
    const index = (byte >> (8 - bitsPerPixel * ((x % perByte) + 1))) & mask;
    if (index * 3 >= palette.length) throw new Error(`colour ${index} is outside the palette`);
    for (let channel = 0; channel < 3; channel++) target[x * 3 + channel] = palette[index * 3 + channel] ?? 0;
  }
}

function copyTrueColourRow(bytes: Uint8Array, row: number, bytesPerPixel: number, target: Uint8Array): void {
  for (let x = 0; x * 3 < target.length; x++) {
    for (let channel = 0; channel < 3; channel++) {
      target[x * 3 + channel] = bytes[row + x * bytesPerPixel + 2 - channel] ?? 0;
    }
  }
}
