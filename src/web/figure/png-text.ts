/** The eight bytes that a PNG begins with, and the chunk that follows: its header. */
const SIGNATURE_LENGTH = 8;
const HEADER_LENGTH = 25;

/** CRC-32 as PNG has it (ISO 3309). */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

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
