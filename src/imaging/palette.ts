import { crc32, EpSamError } from "../common/index.js";
import { tiffField } from "./tiff-field.js";

/** Chunks of a PNG file follow its signature: length, type, content, checksum (PNG specification 5.3). */
const FIRST_CHUNK = 8;
const AROUND_CONTENT = 12;

/** TIFF's tag of what samples mean, and its values for grey and for numbers of colours; its tag of these colours. */
const PHOTOMETRIC = 262;
const GREY = 1;
const PALETTE = 3;
const COLOUR_MAP = 320;

/** A PNG or TIFF file as grey that tells the numbers of its palette's colours apart; null for one without a palette. */
export function withNumbersForColours(bytes: Uint8Array): Uint8Array | null {
  if (bytes[0] === 0x89) return pngWithNumbers(bytes);
  const photometric = tiffField(bytes, PHOTOMETRIC);
  if (photometric?.numbers[0] !== PALETTE) return null;
  const numbered = Uint8Array.from(bytes);
  new DataView(numbered.buffer).setUint16(photometric.at, GREY, photometric.isLittleEndian);
  return numbered;
}

/** A TIFF whose palette some program wrote in 8 bits, with the 16 that it should have; other files as they are. */
export function withWidePalette(bytes: Uint8Array): Uint8Array {
  if (tiffField(bytes, PHOTOMETRIC)?.numbers[0] !== PALETTE) return bytes;
  const map = tiffField(bytes, COLOUR_MAP);
  if (map === null || map.numbers.some((value) => value > 255)) return bytes;
  const wide = Uint8Array.from(bytes);
  const view = new DataView(wide.buffer);
  for (const [index, value] of map.numbers.entries()) {
    view.setUint16(map.at + 2 * index, value * 257, map.isLittleEndian);
  }
  return wide;
}

function pngWithNumbers(png: Uint8Array): Uint8Array | null {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = FIRST_CHUNK; at + AROUND_CONTENT <= png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IDAT") return null;
    if (type === "PLTE") {
      const numbered = Uint8Array.from(png);
      for (let byte = 0; byte < length; byte++) numbered[at + 8 + byte] = Math.floor(byte / 3);
      const checksum = crc32(numbered.subarray(at + 4, at + 8 + length));
      new DataView(numbered.buffer).setUint32(at + 8 + length, checksum);
      return numbered;
    }
    at += length + AROUND_CONTENT;
  }
  return null;
}

/**
 * A mask's classes are the numbers of its colours to some programs, and the colours to others: where two numbers have one
 * colour, one of them is lost.
 * @param colours the grey or RGB of every pixel
 * @param numbers the number of every pixel's colour
 * @throws EpSamError `input-mask` naming two numbers that are the same colour
 */
export function requireOwnColours(
  colours: Uint8Array | Uint16Array,
  numbers: ArrayLike<number>,
  name: string,
): void {
  const numberOf = new Map<number, number>();
  const channels = colours.length / Math.max(1, numbers.length);
  for (let pixel = 0; pixel < numbers.length; pixel++) {
    const number = numbers[pixel] ?? 0;
    let colour = 0;
    for (let at = channels * pixel; at < channels * (pixel + 1); at++)
      colour = 256 * colour + (colours[at] ?? 0);
    const other = numberOf.get(colour) ?? number;
    if (other !== number) {
      throw new EpSamError("input-mask", {
        what: "has a palette that gives several classes one colour",
        where: name,
        why: `its pixels have the numbers ${Math.min(other, number)} and ${Math.max(other, number)}, and both are (${colours.subarray(channels * pixel, channels * (pixel + 1)).join(", ")})`,
        action: "Save it without a palette, as 8-bit grey with 0 for background and 255 for foreground.",
      });
    }
    numberOf.set(colour, number);
  }
}
