import { describe, expect, it } from "vitest";
import type { LevelEntry } from "../../src/contract/index.js";
import { tileCounts, tileOnSlide, tilePixels } from "../../src/web/viewer/level-geometry.js";

function level(width: number, height: number, downsample: number, tile: number): LevelEntry {
  return { width, height, downsample, tileWidth: tile, tileHeight: tile };
}

describe("tiles of a level", () => {
  const full = level(2220, 2967, 1, 240);

  it("cuts the outermost tiles off at the edge", () => {
    expect(tileCounts(full)).toEqual({ columns: 10, rows: 13 });
    expect(tilePixels(full, { column: 0, row: 0 })).toEqual({ x: 0, y: 0, width: 240, height: 240 });
    expect(tilePixels(full, { column: 9, row: 12 })).toEqual({ x: 2160, y: 2880, width: 60, height: 87 });
  });

  it("covers every pixel of the level once", () => {
    const { columns, rows } = tileCounts(full);
    const area = Array.from({ length: columns * rows }, (_, index) =>
      tilePixels(full, { column: index % columns, row: Math.floor(index / columns) }),
    ).reduce((sum, { width, height }) => sum + width * height, 0);
    expect(area).toBe(2220 * 2967);
  });

  it("places tiles by the downsample, not by the rounded sizes of levels", () => {
    const coarse = level(312, 234, 128, 256);
    expect(tileOnSlide(coarse, { column: 1, row: 0 })).toEqual({
      x: 32768,
      y: 0,
      width: 56 * 128,
      height: 234 * 128,
    });
  });

  it("takes downsamples that are no whole numbers", () => {
    const odd = level(100, 80, 2.5, 64);
    expect(tileOnSlide(odd, { column: 1, row: 1 })).toEqual({ x: 160, y: 160, width: 90, height: 40 });
  });
});
