import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  areaContains,
  areaOfLogits,
  areaSize,
  type LogitMap,
  ringFrom,
  signedArea,
} from "../../src/geometry/index.js";

const box = { space: "level-0", x: 1000, y: 2000, width: 128, height: 128 } as const;

function logitsOf(value: (x: number, y: number) => number, side = 64): LogitMap {
  const data = Float32Array.from({ length: side * side }, (_, index) =>
    value((index % side) + 0.5, Math.floor(index / side) + 0.5),
  );
  return { width: side, height: side, data };
}

describe("outlines of logits", () => {
  it("lie where the interpolated logits are zero, in pixels of the slide", () => {
    const disc = logitsOf((x, y) => 20 - Math.hypot(x - 32, y - 30));
    const { coordinates } = areaOfLogits(disc, box);
    expect(coordinates.length).toBe(1);
    const distances = (coordinates[0]?.[0] ?? []).map(([x, y]) => Math.hypot(x - 1064, y - 2060));
    expect(Math.min(...distances)).toBeGreaterThan(39.8);
    expect(Math.max(...distances)).toBeLessThan(40.2);
    const size = areaSize({ type: "MultiPolygon", coordinates });
    expect(Math.abs(size / (Math.PI * 40 ** 2) - 1)).toBeLessThan(0.015);
  });

  it("give each hole to the area around it, islands in holes too", () => {
    // Rings around the middle: foreground from 24 to 18, hole to 12, island from 12 on.
    const rings = logitsOf((x, y) => {
      const radius = Math.hypot(x - 32, y - 32);
      return radius < 12 ? 12 - radius : radius < 18 ? Math.max(12 - radius, radius - 18) : 24 - radius;
    });
    const { coordinates } = areaOfLogits(rings, box);
    expect(coordinates.map((polygon) => polygon.length)).toEqual([2, 1]);
    const area = { type: "MultiPolygon", coordinates } as const;
    expect(areaContains(area, [1064, 2064])).toBe(true);
    expect(areaContains(area, [1064 + 30, 2064])).toBe(false);
    expect(areaContains(area, [1064 + 42, 2064])).toBe(true);
    expect(areaContains(area, [1064 + 50, 2064])).toBe(false);
  });

  it("close at the border of the patch", () => {
    const { coordinates } = areaOfLogits(
      logitsOf(() => 3),
      box,
    );
    const [ring = []] = coordinates[0] ?? [];
    expect(Math.min(...ring.map(([x]) => x))).toBe(1000);
    expect(Math.max(...ring.map(([, y]) => y))).toBe(2128);
    // The corners are cut by half a pixel each.
    expect(areaSize({ type: "MultiPolygon", coordinates })).toBeCloseTo(128 * 128 - 4 * 0.5, 6);
  });

  it("leave out specks and give nothing for background", () => {
    expect(
      areaOfLogits(
        logitsOf(() => -1),
        box,
      ).coordinates,
    ).toEqual([]);
    const speck = logitsOf((x, y) => (Math.hypot(x - 32, y - 32) < 2 ? 1 : -1));
    expect(areaOfLogits(speck, box).coordinates).toEqual([]);
  });

  it("hold the pixels of any mask: a random field with saddles", () => {
    const stream = new RandomStream(0, "contours");
    const waves = Array.from({ length: 12 }, () => [
      stream.uniform(-0.6, 0.6),
      stream.uniform(-0.6, 0.6),
      stream.uniform(0, 6),
    ]);
    const field = logitsOf((x, y) =>
      waves.reduce((sum, [a = 0, b = 0, c = 0]) => sum + Math.sin(a * x + b * y + c), 0),
    );
    const area = areaOfLogits(field, { ...box, x: 0, y: 0, width: 64, height: 64 });
    let different = 0;
    for (let y = 0; y < 64; y++) {
      for (let x = 0; x < 64; x++) {
        const isForeground = (field.data[y * 64 + x] ?? 0) > 0;
        if (areaContains(area, [x + 0.5, y + 0.5]) !== isForeground) different++;
      }
    }
    // Specks are left out, and simplified outlines may lie half a pixel off.
    expect(different / 64 ** 2).toBeLessThan(0.03);
    expect(area.coordinates.every(([outer = []]) => signedArea(ringFrom(outer)) > 0)).toBe(true);
    expect(
      area.coordinates.flatMap(([, ...holes]) => holes).every((hole) => signedArea(ringFrom(hole)) < 0),
    ).toBe(true);
  });
});
