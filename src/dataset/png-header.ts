import { EpSamError } from "../common/index.js";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Signature, chunk length, `IHDR`, then width and height as 32-bit big-endian (PNG specification 5.2, 11.2.2). */
const WIDTH_OFFSET = 16;
const HEIGHT_OFFSET = 20;
/** The empty last chunk with its length and checksum (PNG specification 11.2.5). */
const END_CHUNK = Buffer.from([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82]);

/**
 * Width and height in pixels from the header of a PNG file, without decoding it.
 * @throws EpSamError `input-image` when `bytes` are no PNG file or end before its last chunk.
 */
export function readPngSize(path: string, bytes: Buffer): { width: number; height: number } {
  if (bytes.length < HEIGHT_OFFSET + 4 || !bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    throw new EpSamError("input-image", {
      where: path,
      what: "is not a PNG image",
      why: bytes.length === 0 ? "the file is empty" : "it does not begin like one",
      action: "Replace the file, or prepare the dataset again.",
    });
  }
  if (bytes.lastIndexOf(END_CHUNK) < 0) {
    throw new EpSamError("input-image", {
      where: path,
      what: "is truncated",
      why: "the last chunk of the PNG file is missing",
      action: "Copy the file again, or prepare the dataset again.",
    });
  }
  return { width: bytes.readUInt32BE(WIDTH_OFFSET), height: bytes.readUInt32BE(HEIGHT_OFFSET) };
}
