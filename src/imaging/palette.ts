import { crc32, EpSamError } from "../common/index.js";

/** Chunks of a PNG file follow its signature: length, type, content, checksum (PNG specification 5.3). */
const FIRST_CHUNK = 8;
const AROUND_CONTENT = 12;

/** A PNG file whose every colour of the palette is its own number, as grey; null for one without a palette. */
export function withNumbersForColours(png: Uint8Array): Uint8Array | null {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  for (let at = FIRST_CHUNK; at + AROUND_CONTENT <= png.length; ) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IDAT") return null;
    if (type === "PLTE") {
      const numbered = png.slice();
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
 * @param colours RGB of every pixel
 * @param numbers the number of every pixel's colour
 * @throws EpSamError `input-mask` naming two numbers that are the same colour
 */
export function requireOwnColours(
  colours: Uint8Array | Uint16Array,
  numbers: ArrayLike<number>,
  name: string,
): void {
  const numberOf = new Map<number, number>();
  for (let pixel = 0; pixel < numbers.length; pixel++) {
    const number = numbers[pixel] ?? 0;
    const [red, green, blue] = colours.subarray(3 * pixel, 3 * pixel + 3);
    const colour = ((red ?? 0) << 16) | ((green ?? 0) << 8) | (blue ?? 0);
    const other = numberOf.get(colour) ?? number;
    if (other !== number) {
      throw new EpSamError("input-mask", {
        what: "has a palette that gives several classes one colour",
        where: name,
        why: `its pixels have the numbers ${Math.min(other, number)} and ${Math.max(other, number)}, and both are (${red}, ${green}, ${blue})`,
        action: "Save it without a palette, as 8-bit grey with 0 for background and 255 for foreground.",
      });
    }
    numberOf.set(colour, number);
  }
}
