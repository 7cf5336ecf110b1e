import { crc32 } from "../../common/portable.js";

/** The eight bytes that a PNG begins with, and the chunk that follows: its header. */
const SIGNATURE_LENGTH = 8;
const HEADER_LENGTH = 25;

/**
 * A PNG that says in an international text chunk (PNG, third edition, 11.3.3.4) what it shows: image programs read it as
 * the description.
 * @throws RangeError when it is no PNG
 */
export function withDescription(png: Uint8Array<ArrayBuffer>, description: string): Blob {
  const type = new TextDecoder("latin1").decode(png.subarray(SIGNATURE_LENGTH + 4, SIGNATURE_LENGTH + 8));
  if (type !== "IHDR") throw new RangeError("a PNG begins with its header");
  const end = SIGNATURE_LENGTH + HEADER_LENGTH;
  // Keyword, no compression, no language, no translated keyword.
  const text = new TextEncoder().encode(`iTXtDescription\0\0\0\0\0${description}`);
  const chunk = new Uint8Array(text.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, text.length - 4);
  chunk.set(text, 4);
  view.setUint32(text.length + 4, crc32(text));
  return new Blob([png.subarray(0, end), chunk, png.subarray(end)], { type: "image/png" });
}
