import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { crc32 } from "../../../src/common/portable.js";
import { legendRows } from "../../../src/web/figure/legend-rows.js";
import { withDescription } from "../../../src/web/figure/png-text.js";
import { levelFor } from "../../../src/web/figure/pyramid-picture.js";
import { differenceClasses } from "../../../src/web/viewer/colour-maps.js";
import { tilesWithin } from "../../../src/web/viewer/tiles-within.js";

it("a picture says what it shows, and stays the picture that it was", async () => {
  const raw = { create: { width: 5, height: 4, channels: 3, background: "#123456" } } as const;
  const plain = await sharp(raw).png().toBuffer();
  const described = Buffer.from(
    await withDescription(new Uint8Array(plain), "0.25 µm per pixel").arrayBuffer(),
  );
  expect(described.length).toBe(plain.length + 12 + "Description\0\0\0\0\0".length + 18);
  // Checked chunk by chunk: a wrong checksum is an error to libpng.
  const pixels = async (png: Buffer) => [...(await sharp(png, { failOn: "warning" }).raw().toBuffer())];
  expect(await pixels(described)).toEqual(await pixels(plain));
  expect(described.toString("utf8")).toContain("iTXtDescription\0\0\0\0\u00000.25 µm per pixel");
  expect(crc32(new TextEncoder().encode("123456789"))).toBe(0xcbf43926);
  expect(() => withDescription(new Uint8Array(20), "no picture")).toThrow(RangeError);
});

const levels = [1, 4, 16].map((downsample) => ({
  ...{ width: 1000 / downsample, height: 500 / downsample, downsample, tileWidth: 100, tileHeight: 100 },
}));

it("a figure is drawn from the coarsest level that is fine enough", () => {
  expect([2, 1, 0.5, 0.25, 0.2, 0.06, 0.001].map((scale) => levelFor(levels, scale))).toEqual([
    0, 0, 0, 1, 1, 2, 2,
  ]);
});

it("tiles are those that a box meets, within the level", () => {
  const [, level] = levels;
  if (level === undefined) throw new Error("a level");
  const tiles = tilesWithin(level, { left: 390, top: -50, right: 5000, bottom: 10 });
  expect(tiles.map(({ column, row }) => [column, row])).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
  ]);
  // The last tile ends with the level.
  expect(tiles[2]?.place).toEqual({ x: 800, y: 0, width: 200, height: 400 });
  expect(tilesWithin(level, { left: 2000, top: 0, right: 3000, bottom: 10 })).toEqual([]);
});

describe("a figure's legend", () => {
  it("names the layers that are shown, with their colours", () => {
    const layer = { title: "Tumour", origin: "run", levels: [] };
    const layers = [
      { ...layer, id: "m", kind: "tumour-mask", values: "mask" },
      { ...layer, id: "p", kind: "probability", title: "Probability", values: "fraction" },
      { ...layer, id: "d", kind: "difference", values: "difference" },
    ] as const;
    const shown = ["d", "p"].map((id) => ({ id, opacity: 1, map: "blue" }) as const);
    const rows = legendRows(layers, shown);
    expect(rows.map(({ title }) => title)).toEqual([
      "Probability, 0 to 1",
      ...differenceClasses.map(({ title }) => title),
    ]);
    const [scale, both] = rows;
    expect([scale?.colours[0]?.[3], scale?.colours.at(-1)?.[3]]).toEqual([0, 255]);
    expect(both?.colours).toEqual([[...(differenceClasses[0]?.colour ?? []), 255]]);
    expect(legendRows(layers, [])).toEqual([]);
  });
});
