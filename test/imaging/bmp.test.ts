import { describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import { decodeMask, decodeRgb } from "../../src/imaging/index.js";

interface MadeUpBmp {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly compression?: number;
  /** Blue, green, red, reserved. */
  readonly palette?: readonly (readonly number[])[];
  /** Rows as stored, padding included. */
  readonly pixels: readonly number[];
}

/** Windows bitmap bytes (BITMAPINFOHEADER). */
function bmp({ width, height, bits, compression = 0, palette = [], pixels }: MadeUpBmp): Uint8Array {
  const offset = 54 + palette.length * 4;
  const bytes = new Uint8Array(offset + pixels.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, offset, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, bits, true);
  view.setUint32(30, compression, true);
  view.setUint32(46, palette.length, true);
  bytes.set(palette.flat(), 54);
  bytes.set(pixels, offset);
  return bytes;
}

const black = [0, 0, 0, 0];
const white = [255, 255, 255, 0];
const orange = [0, 128, 255, 0];

describe("Windows bitmaps", () => {
  it("reads 24 bits, rows from the bottom, padded to four bytes", async () => {
    const bytes = bmp({ width: 1, height: 2, bits: 24, pixels: [3, 2, 1, 0, 6, 5, 4, 0] });
    expect(await decodeRgb(bytes, "a.bmp")).toEqual({
      width: 1,
      height: 2,
      data: Uint8Array.of(4, 5, 6, 1, 2, 3),
    });
  });

  it("reads rows from the top when the height is negative", async () => {
    const bytes = bmp({ width: 1, height: -2, bits: 24, pixels: [3, 2, 1, 0, 6, 5, 4, 0] });
    expect((await decodeRgb(bytes, "a.bmp")).data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
  });

  it("reads 32 bits and drops the fourth", async () => {
    const bytes = bmp({ width: 2, height: 1, bits: 32, pixels: [3, 2, 1, 99, 6, 5, 4, 0] });
    expect((await decodeRgb(bytes, "a.bmp")).data).toEqual(Uint8Array.of(1, 2, 3, 4, 5, 6));
  });

  it.each([
    [1, [0b01000000, 0, 0, 0]],
    [4, [0x01, 0x00, 0, 0]],
    [8, [0, 1, 0, 0]],
  ])("applies the palette at %d bits", async (bits, pixels) => {
    const bytes = bmp({ width: 3, height: 1, bits, palette: [black, orange], pixels });
    expect((await decodeRgb(bytes, "a.bmp")).data).toEqual(Uint8Array.of(0, 0, 0, 255, 128, 0, 0, 0, 0));
  });

  it("reads masks", async () => {
    const bytes = bmp({
      width: 2,
      height: 1,
      bits: 1,
      palette: [black, white],
      pixels: [0b01000000, 0, 0, 0],
    });
    expect((await decodeMask(bytes, "mask.bmp")).data).toEqual(Uint8Array.of(0, 1));
  });

  it.each([
    [1, [0b01000000, 0, 0, 0]],
    [4, [0x01, 0x00, 0, 0]],
    [8, [0, 1, 0, 0]],
  ])("refuses a mask whose two numbers are one colour, at %d bits", async (bits, pixels) => {
    const bytes = bmp({ width: 2, height: 1, bits, palette: [black, black], pixels });
    await expect(decodeMask(bytes, "mask.bmp")).rejects.toSatisfy(
      (error) => isEpSamError(error, "input-mask") && /one colour/.test(error.fields.what),
    );
    expect((await decodeRgb(bytes, "image.bmp")).data).toEqual(new Uint8Array(6));
  });

  it.each([
    ["ends early", bmp({ width: 9, height: 9, bits: 24, pixels: [1, 2, 3] }), /ends before its last row/],
    ["has a cut header", new Uint8Array([0x42, 0x4d, 0, 0]), /header is cut short/],
    ["has no size", bmp({ width: 0, height: 9, bits: 24, pixels: [] }), /impossible size/],
    ["claims a huge size", bmp({ width: 2 ** 30, height: 2 ** 30, bits: 24, pixels: [] }), /impossible size/],
    ["is compressed", bmp({ width: 1, height: 1, bits: 8, compression: 1, pixels: [] }), /compressed/],
    ["has odd samples", bmp({ width: 1, height: 1, bits: 16, pixels: [0, 0, 0, 0] }), /16 bits per pixel/],
    [
      "leaves its palette",
      bmp({ width: 1, height: 1, bits: 8, palette: [black], pixels: [7, 0, 0, 0] }),
      /outside/,
    ],
    [
      "lacks its palette",
      bmp({ width: 1, height: 1, bits: 8, pixels: [7, 0, 0, 0] }),
      /palette is cut short/,
    ],
  ])("refuses a file that %s", async (_, bytes, reason) => {
    const thrown = await decodeRgb(bytes, "bad.bmp").catch((error: unknown) => error);
    expect(isEpSamError(thrown, "input-image") && thrown.fields).toMatchObject({
      where: "bad.bmp",
      why: expect.stringMatching(reason),
    });
  });
});
