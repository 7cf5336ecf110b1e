import { tiffField } from "./tiff-field.js";

/** Compressions of TIFF that lose something: JPEG (old and new), JPEG 2000, WebP, JPEG XR, JPEG XL. */
const LOSSY_TIFF = new Set([6, 7, 33003, 33004, 33005, 34712, 34934, 50001, 50002, 52546]);
/** TIFF's tag of the compression. */
const COMPRESSION = 259;

/**
 * Whether an image file may be compressed with loss, by its first bytes: JPEG, AVIF and HEIF always, WebP unless its
 * pixels are in a lossless chunk, TIFF by the compression of its first page.
 */
export function isLossy(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  if (view.getUint16(0) === 0xffd8) return true;
  if (text(4) === "ftyp") return true;
  if (text(0) === "RIFF") return !holdsLosslessChunk(view, text);
  return LOSSY_TIFF.has(tiffField(bytes, COMPRESSION)?.numbers[0] ?? 1);
}

/** Chunks follow each other from byte 12 on, padded to even lengths (WebP container specification). */
function holdsLosslessChunk(view: DataView, text: (at: number) => string): boolean {
  for (let at = 12; at + 8 <= view.byteLength; ) {
    if (text(at) === "VP8L") return true;
    const length = view.getUint32(at + 4, true);
    at += 8 + length + (length % 2);
  }
  return false;
}
