import { describe, expect, it } from "vitest";
import { buildTiff, long, short, type WriterOptions } from "../../scripts/fixtures/tiff-writer.js";
import { isEpSamError } from "../../src/common/index.js";
import { decodeMask, decodeRgb } from "../../src/imaging/index.js";
import { isLossy } from "../../src/imaging/lossy.js";

/** A TIFF of one row whose values are numbers of these colours. */
function paletteTiff(
  values: readonly number[],
  colourOf: (entry: number, channel: number) => number,
  { bits = 8, ...options }: WriterOptions & { readonly bits?: 4 | 8 } = {},
): Uint8Array {
  const entries = 2 ** bits;
  const colours = Array.from({ length: 3 * entries }, (_, at) =>
    colourOf(at % entries, Math.floor(at / entries)),
  );
  const row =
    bits === 8
      ? Uint8Array.from(values)
      : Uint8Array.from(
          { length: Math.ceil(values.length / 2) },
          (_, at) => ((values[2 * at] ?? 0) << 4) | (values[2 * at + 1] ?? 0),
        );
  const fields = [
    ...[
      long(256, values.length),
      long(257, 1),
      short(258, bits),
      short(259, 1),
      short(262, 3),
      short(277, 1),
    ],
    ...[long(278, 1), short(320, ...colours)],
  ];
  return buildTiff([{ fields, segments: [row], tiled: false }], options);
}

const red = (entry: number, channel: number): number => (channel === 0 ? 255 * 257 * Math.min(1, entry) : 0);

describe("masks in TIFF with a palette", () => {
  it.each([
    ["8 bits", {}],
    ["4 bits", { bits: 4 }],
    ["big-endian", { bigEndian: true }],
    ["BigTIFF", { big: true }],
  ] as const)("whose classes share a colour are refused, %s", async (_, options) => {
    for (const colourOf of [() => 0, () => 255 * 257, red]) {
      const bytes = paletteTiff([0, 1, 2, 0], colourOf, options);
      await expect(decodeMask(bytes, "mask.tif", { instances: true })).rejects.toSatisfy(
        (error) => isEpSamError(error, "input-mask") && /one colour/.test(error.fields.what),
      );
    }
  });

  it("of a colour for every class are read by their colours", async () => {
    const bytes = paletteTiff([0, 1, 2, 0], (entry) => 256 * 127 * entry);
    expect([...(await decodeMask(bytes, "mask.tif", { instances: true })).data]).toEqual([0, 1, 1, 0]);
    expect([...(await decodeMask(bytes, "mask.tif", { threshold: 200 })).data]).toEqual([0, 0, 1, 0]);
  });

  it("of colours in 8 bits, where 16 belong, are what they were meant to be", async () => {
    const bytes = paletteTiff([0, 1], (entry, channel) => (entry === 1 ? 200 + channel : 0), { big: true });
    expect([...(await decodeMask(bytes, "mask.tif", { instances: true })).data]).toEqual([0, 1]);
    expect([...(await decodeRgb(bytes, "image.tif")).data]).toEqual([0, 0, 0, 200, 201, 202]);
  });
});

it("BigTIFF in JPEG is compressed with loss, too", () => {
  const page = (compression: number) => ({
    fields: [long(256, 1), short(259, compression)],
    segments: [Uint8Array.of(0)],
  });
  expect(isLossy(buildTiff([page(7)], { big: true }))).toBe(true);
  expect(isLossy(buildTiff([page(1)], { big: true }))).toBe(false);
});
