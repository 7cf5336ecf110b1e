import { describe, expect, it } from "vitest";
import {
  closeMask,
  hsvSaturation,
  medianFilter,
  openMask,
  otsuThreshold,
  percentile,
  resizeFloatMap,
  resizeMask,
} from "../../src/imaging/index.js";
import { drawnMask, noiseMap, noiseMask, pictureOf } from "./made-up.js";

describe("morphology", () => {
  const speck = drawnMask(`
    ......#
    .###...
    .###...
    .###...`);

  it("opening removes what the square does not fit into", () => {
    expect(pictureOf(openMask(speck, 3))).toEqual([".......", ".###...", ".###...", ".###..."]);
  });

  it("closing fills what the square does not fit into", () => {
    const ring = drawnMask("....... ....... ..###.. ..#.#.. ..###.. ....... .......");
    const filled = drawnMask("....... ....... ..###.. ..###.. ..###.. ....... .......");
    expect(closeMask(ring, 3)).toEqual(filled);
  });

  it("opening is idempotent and never adds, closing never removes", () => {
    const mask = noiseMask(61, 47);
    const opened = openMask(mask, 3);
    const closed = closeMask(mask, 3);
    expect(openMask(opened, 3)).toEqual(opened);
    expect(opened.data.every((value, index) => value <= (mask.data[index] ?? 0))).toBe(true);
    expect(closed.data.every((value, index) => value >= (mask.data[index] ?? 0))).toBe(true);
  });

  it("leaves its input alone", () => {
    const before = speck.data.slice();
    openMask(speck, 3);
    expect(speck.data).toEqual(before);
  });

  it("median removes a speck and refuses even sides", () => {
    const cleaned = medianFilter(speck, 3);
    expect(cleaned.data[6]).toBe(0);
    expect(cleaned.data[2 * 7 + 2]).toBe(1);
    expect(() => medianFilter(speck, 4)).toThrow(/odd number/);
    expect(() => openMask(speck, 4)).toThrow(/odd number/);
    expect(() => openMask(speck, 0)).toThrow(/positive integer/);
  });
});

describe("Otsu's threshold and saturation", () => {
  const grey = (...values: number[]) => ({ width: values.length, height: 1, data: Uint8Array.from(values) });

  it("separates two levels at the lower one", () => {
    expect(otsuThreshold(grey(10, 10, 10, 200, 200))).toBe(10);
  });

  it("is 0 for an image of one value", () => {
    expect(otsuThreshold(grey(77, 77, 77))).toBe(0);
  });

  it("saturation is 0 for greys and black, 255 for pure colours, and rounds by OpenCV's table", () => {
    const data = Uint8Array.of(0, 0, 0, 90, 90, 90, 0, 40, 0, 200, 100, 100);
    expect([...hsvSaturation({ width: 4, height: 1, data }).data]).toEqual([0, 0, 255, 127]);
  });
});

describe("resizing maps and masks", () => {
  it("keeps a map of its own size and a constant map", () => {
    const map = noiseMap(9, 5);
    expect(resizeFloatMap(map, 9, 5)).toEqual(map);
    const flat = { width: 3, height: 3, data: new Float32Array(9).fill(0.25) };
    expect(resizeFloatMap(flat, 17, 4).data.every((value) => value === 0.25)).toBe(true);
  });

  it("interpolates between pixel centres and clamps at the edges", () => {
    const map = { width: 2, height: 1, data: Float32Array.of(0, 1) };
    expect([...resizeFloatMap(map, 4, 1).data]).toEqual([0, 0.25, 0.75, 1]);
  });

  it("repeats mask pixels when enlarging by an integer, and undoes it when shrinking back", () => {
    const mask = noiseMask(13, 7);
    const large = resizeMask(mask, 39, 21);
    expect(large.data[4 * 39 + 5]).toBe(mask.data[1 * 13 + 1]);
    expect(resizeMask(large, 13, 7)).toEqual(mask);
  });
});

describe("percentile", () => {
  // numpy.percentile([3, 1, 4, 1, 5, 9, 2, 6], [0, 10, 30, 50, 97.5, 100])
  it.each([
    [0, 1],
    [10, 1],
    [30, 2.1],
    [50, 3.5],
    [97.5, 8.475],
    [100, 9],
  ])("%d %% equals NumPy's", (percent, expected) => {
    expect(percentile([3, 1, 4, 1, 5, 9, 2, 6], percent)).toBeCloseTo(expected, 12);
  });

  it.each([
    [[], 50],
    [[1, Number.NaN], 50],
    [[1], 101],
    [[1], Number.NaN],
  ])("refuses %j at %d", (values, percent) => {
    expect(() => percentile(values, percent)).toThrow(/not defined/);
  });
});
