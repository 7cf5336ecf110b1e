import { describe, expect, it } from "vitest";
import { EpSamError } from "../../src/common/index.js";
import type { GreyImage, Mask } from "../../src/imaging/index.js";
import { cutOffLevel, initialMask, initialMaskProfiles } from "../../src/method/index.js";

const size = { width: 64, height: 64 };

function levelsOf(value: (x: number, y: number) => number): GreyImage {
  const side = 16;
  const data = Uint8Array.from({ length: side * side }, (_, i) => value(i % side, Math.floor(i / side)));
  return { width: side, height: side, data };
}

const area = ({ data }: Mask) => data.reduce((sum, value) => sum + value, 0);
const columns = levelsOf((x) => x * 10);

describe("the level to keep above", () => {
  it("is the percentile of the non-zero levels", () => {
    // Levels 10 to 150: the 30th percentile of fifteen equally frequent levels.
    expect(cutOffLevel(columns, { profile: "camelyon17" })).toBe(50);
    expect(cutOffLevel(columns, { profile: "camelyon16" })).toBe(20);
    expect(cutOffLevel(columns, { profile: "camelyon17", percentile: 100 })).toBe(150);
  });

  it("is a share of the range for a threshold, whatever the percentile", () => {
    expect(cutOffLevel(columns, { profile: "camelyon17", threshold: 0.5, percentile: 10 })).toBe(75);
    expect(
      cutOffLevel(
        levelsOf((x) => 100 + x),
        { profile: "camelyon16", threshold: 0 },
      ),
    ).toBe(100);
  });
});

describe.each(initialMaskProfiles)("profile %s", (profile) => {
  it("gives a mask of the image's size that holds the strongest pixels", async () => {
    const mask = await initialMask(columns, size, { profile, openingSize: 1 });
    expect(mask).toMatchObject(size);
    expect(new Set(mask.data)).toEqual(new Set([0, 1]));
    expect(mask.data[63]).toBe(1);
    expect(mask.data[0]).toBe(0);
  });

  it("shrinks as the percentile or the threshold grows", async () => {
    const areas = await Promise.all(
      [0, 30, 60, 90].map(async (percentile) =>
        area(await initialMask(columns, size, { profile, percentile })),
      ),
    );
    expect(areas).toEqual([...areas].sort((a, b) => b - a));
    expect(areas[0]).toBeGreaterThan(areas[3] ?? Number.POSITIVE_INFINITY);
    const low = await initialMask(columns, size, { profile, threshold: 0.2 });
    const high = await initialMask(columns, size, { profile, threshold: 0.7 });
    expect(area(low)).toBeGreaterThan(area(high));
  });

  it("removes what the opening's square does not fit into", async () => {
    const dot = levelsOf((x, y) => (x === 8 && y === 8 ? 200 : 10));
    expect(area(await initialMask(dot, size, { profile, openingSize: 1 }))).toBeGreaterThan(0);
    expect(area(await initialMask(dot, size, { profile }))).toBe(0);
  });

  it.each([
    ["all zero", levelsOf(() => 0)],
    ["constant", levelsOf(() => 77)],
  ])("an %s map gives an empty mask", async (_, levels) => {
    const mask = await initialMask(levels, size, { profile });
    expect(mask).toMatchObject(size);
    expect(area(mask)).toBe(0);
  });

  it("a single activated pixel is not above its own percentile", async () => {
    const peak = levelsOf((x, y) => (x === 3 && y === 4 ? 255 : 0));
    expect(area(await initialMask(peak, size, { profile, openingSize: 1 }))).toBe(0);
    expect(area(await initialMask(peak, size, { profile, openingSize: 1, threshold: 0.5 }))).toBeGreaterThan(
      0,
    );
  });

  it("refuses an opening with an even side", async () => {
    await expect(initialMask(columns, size, { profile, openingSize: 4 })).rejects.toThrow(EpSamError);
  });
});

it("profiles differ in what comes first: blocks of the map's pixels, or their interpolation", async () => {
  const edge = levelsOf((x) => (x >= 8 ? 200 : 20));
  const options = { threshold: 0.1, openingSize: 1 } as const;
  const blocks = await initialMask(edge, size, { profile: "camelyon17", ...options });
  const interpolated = await initialMask(edge, size, { profile: "camelyon16", ...options });
  const firstColumn = (mask: Mask) => mask.data.subarray(0, 64).indexOf(1);
  // OpenCV's fixed-point rounding takes a pixel from the block's edge in some rows.
  expect([32, 33]).toContain(firstColumn(blocks));
  // A tenth of the range is passed before the block begins.
  expect(firstColumn(interpolated)).toBeLessThan(32);
});
