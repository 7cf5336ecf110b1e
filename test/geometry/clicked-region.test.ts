import { describe, expect, it } from "vitest";
import { clickedRegion, type LogitMap } from "../../src/geometry/index.js";

const SIDE = 64;
/** Twice as fine as the map. */
const PATCH = 128;

/** Two discs that touch, one by itself, and a logit of −2 elsewhere. */
const discs = [
  { x: 16, y: 20, radius: 10, logit: 3 },
  { x: 35, y: 20, radius: 10, logit: 1 },
  { x: 48, y: 50, radius: 8, logit: 2 },
] as const;
const isIn = ({ x, y, radius }: (typeof discs)[number], pixel: number) =>
  Math.hypot((pixel % SIDE) - x, Math.floor(pixel / SIDE) - y) < radius;
const map: LogitMap = {
  width: SIDE,
  height: SIDE,
  data: Float32Array.from(
    { length: SIDE * SIDE },
    (_, pixel) => discs.find((disc) => isIn(disc, pixel))?.logit ?? -2,
  ),
};

const click = (x: number, y: number, label: 0 | 1 = 1) =>
  ({ space: "patch", x: 2 * x + 1, y: 2 * y + 1, label }) as const;

function regionOf(...points: ReturnType<typeof click>[]) {
  const region = clickedRegion(map, { points, box: null }, PATCH);
  if (region === null) throw new Error("no region");
  const shareOf = (disc: (typeof discs)[number]) => {
    const pixels = [...map.data.keys()].filter((pixel) => isIn(disc, pixel));
    return pixels.filter((pixel) => (region.logits.data[pixel] ?? 0) > 0).length / pixels.length;
  };
  const count = region.logits.data.filter((logit) => logit > 0).length;
  return { ...region, shares: discs.map(shareOf), count };
}

describe("the region of a run's map that clicks mean", () => {
  it("is the connected component under one click, with the map's logits", () => {
    const { shares, logits, certainty } = regionOf(click(48, 50));
    expect(shares).toEqual([0, 0, 1]);
    expect(certainty).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect([...logits.data].every((logit, pixel) => Math.abs(logit) === Math.abs(map.data[pixel] ?? 0))).toBe(
      true,
    );
    expect(regionOf(click(20, 20)).shares).toEqual([1, 1, 0]);
  });

  it("is divided where clicks inside and outside lie in one component", () => {
    const [first = 0, second = 0, third] = regionOf(click(16, 20), click(35, 20, 0)).shares;
    // The first is surer, so that its click reaches a little beyond it.
    expect([first, third]).toEqual([1, 0]);
    expect(second).toBeLessThan(0.2);
    // The other way round the other one.
    expect(regionOf(click(35, 20), click(16, 20, 0)).shares[0]).toBeLessThan(0.1);
  });

  it("is joined of several components, and grows where a click lies on the background", () => {
    expect(regionOf(click(16, 20), click(48, 50)).shares).toEqual([1, 1, 1]);
    const { shares, count } = regionOf(click(8, 56));
    expect(shares).toEqual([0, 0, 0]);
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(200);
  });

  it("is none for a box, for clicks outside alone, and beyond the patch", () => {
    const box = { space: "patch", left: 1, top: 1, right: 9, bottom: 9 } as const;
    expect(clickedRegion(map, { points: [click(16, 20)], box }, PATCH)).toBeNull();
    expect(clickedRegion(map, { points: [click(16, 20, 0)], box: null }, PATCH)).toBeNull();
    expect(clickedRegion(map, { points: [click(500, 20)], box: null }, PATCH)).toBeNull();
  });

  it("counts the later of two clicks on one pixel", () => {
    const last = regionOf(click(48, 50), click(16, 20, 0), click(16, 20));
    expect(last.shares).toEqual([1, 1, 1]);
  });
});
