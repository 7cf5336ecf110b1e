import { describe, expect, it } from "vitest";
import { TumourRegion } from "../../src/annotations/index.js";
import { RandomStream } from "../../src/common/index.js";
import {
  BoundarySweep,
  polygonArea,
  signedArea,
  simplifyRings,
  type TracedComponent,
} from "../../src/geometry/index.js";
import { rasterOf, traceFoci } from "../../src/inference/export/index.js";
import {
  blobMask,
  boundaryDistance,
  componentSizes,
  crossings,
  maskOf,
  noiseMask,
} from "./outline-fixtures.js";

const unknown = { micronsPerPixel: null } as const;

function traced({
  width,
  height,
  data,
}: {
  width: number;
  height: number;
  data: Uint8Array;
}): TracedComponent[] {
  const components: TracedComponent[] = [];
  const sweep = new BoundarySweep((component) => components.push(component));
  for (let row = 0; row < height; row++) sweep.addRow(data.subarray(row * width, (row + 1) * width), 1, null);
  sweep.finish();
  return components;
}

const ringsOf = (component: TracedComponent): Int32Array[] => [component.outer, ...component.holes];

/** Area of a ring in half pixels, in pixels. */
const pixelArea = (ring: Int32Array): number =>
  signedArea({ space: "level-0", coordinates: Float64Array.from(ring) }) / 4;

/** Random masks of different texture, borders included. */
const masks = Array.from({ length: 24 }, (_, seed) => {
  const random = new RandomStream(seed, "outlines");
  const share = random.uniform(0.15, 0.85);
  return seed % 2 === 0
    ? noiseMask(random, 3 + random.integer(38), 3 + random.integer(38), share)
    : blobMask(random, 40 + random.integer(60), 40 + random.integer(60), 6);
});

describe("outlines of a mask", () => {
  it("go around one pixel, two that touch at a corner, and a hole", () => {
    const [pixel] = traced(maskOf(["1"]));
    expect([...(pixel?.outer ?? [])].sort(ascending)).toEqual([0, 0, 1, 1, 1, 1, 2, 2]);
    expect(pixel?.holes).toEqual([]);
    const [corner, ...others] = traced(maskOf(["10", "01"]));
    expect(others).toEqual([]);
    expect(corner?.pixels).toBe(2);
    expect(corner?.outer.length).toBe(8);
    const [ring] = traced(maskOf(["111", "101", "111"]));
    expect(ring?.holes).toHaveLength(1);
    expect(ring?.holes.map(pixelArea)).toEqual([-0.5]);
  });

  it.each(masks.map((mask, index) => [index, mask] as const))("of random mask %i are valid", (_, mask) => {
    const components = traced(mask);
    expect(components.map(({ pixels }) => pixels).sort(ascending)).toEqual(
      componentSizes(mask).sort(ascending),
    );
    expect(crossings(components.flatMap(ringsOf))).toBe(0);
    for (const component of components) {
      const { outer, holes, pixels } = component;
      expect(pixelArea(outer)).toBeGreaterThan(0);
      for (const hole of holes) expect(pixelArea(hole)).toBeLessThan(0);
      // Every outline cuts off half a pixel at its corners, every hole gives it back.
      const area = ringsOf(component).reduce((sum, ring) => sum + pixelArea(ring), 0);
      expect(area).toBe(pixels - (1 - holes.length) / 2);
    }
  });

  it.each(masks.map((mask, index) => [index, mask] as const))(
    "of random mask %i give it back",
    async (_, mask) => {
      const foci = await traceFoci(rasterOf(mask, 3, 16), { ...unknown, tolerance: 0 });
      const region = new TumourRegion(foci.map(({ polygon }) => polygon));
      const back = region.rasterise({
        origin: { space: "level-0", x: 0, y: 0 },
        pixelSize: { x: 3, y: 3 },
        width: mask.width,
        height: mask.height,
      });
      expect(back).toEqual(mask);
    },
  );

  it.each(masks.map((mask, index) => [index, mask] as const))(
    "of random mask %i stay valid and near when simplified",
    (_, mask) => {
      for (const component of traced(mask)) {
        const rings = ringsOf(component);
        for (const tolerance of [1, 3, 20]) {
          const simple = simplifyRings(rings, tolerance);
          expect(crossings(simple)).toBe(0);
          expect(simple.map((ring) => Math.sign(pixelArea(ring)))).toEqual(
            rings.map((ring) => Math.sign(pixelArea(ring))),
          );
          for (const [index, ring] of rings.entries()) {
            const kept = simple[index] ?? new Int32Array();
            expect(kept.length).toBeGreaterThanOrEqual(Math.min(8, ring.length));
            expect(boundaryDistance(ring, kept)).toBeLessThanOrEqual(tolerance);
          }
        }
      }
    },
  );

  it("lose a third of a smooth outline's vertices within half a pixel, most within two", () => {
    const random = new RandomStream(3, "smooth");
    const [largest] = traced(blobMask(random, 400, 400, 3)).sort((a, b) => b.pixels - a.pixels);
    if (largest === undefined) throw new Error("a blob");
    const share = (tolerance: number): number => {
      const [simple] = simplifyRings([largest.outer], tolerance);
      return (simple?.length ?? Infinity) / largest.outer.length;
    };
    expect(share(1)).toBeLessThan(0.7);
    expect(share(4)).toBeLessThan(0.25);
  });
});

describe("traceFoci", () => {
  const mask = maskOf(["110000", "110000", "000000", "000111", "000101", "000111"]);

  it("gives area, diameter and mean probability in microns, the largest first", async () => {
    const micronsPerPixel = { x: 0.5, y: 0.25 };
    const probability = {
      ...mask,
      data: mask.data.map((value, at) => (value === 0 ? 99 : at < 12 ? 255 : 51)),
    };
    const foci = await traceFoci(rasterOf(mask, 4, 16), {
      micronsPerPixel,
      probability: rasterOf(probability, 4, 16),
      tolerance: 0,
    });
    expect(foci.map(({ rasterPixels }) => rasterPixels)).toEqual([8, 4]);
    expect(foci.map(({ level0Area }) => level0Area)).toEqual([128, 64]);
    expect(foci.map(({ areaMicrons }) => areaMicrons)).toEqual([16, 8]);
    expect(foci[0]?.meanProbability).toBeCloseTo(0.2, 12);
    expect(foci[1]?.meanProbability).toBeCloseTo(1, 12);
    expect(foci[0]?.polygon.holes).toHaveLength(1);
    // From the middle of the left side's lower pixel to that of the right side's upper one: 12 by 8 pixels.
    expect(foci[0]?.level0Diameter).toBeCloseTo(Math.hypot(12, 8), 12);
    expect(foci[0]?.diameterMicrons).toBeCloseTo(Math.hypot(6, 2), 12);
  });

  it("leaves microns out where they are unknown", async () => {
    const [focus] = await traceFoci(rasterOf(mask, 4, 16), unknown);
    expect(focus).toMatchObject({ areaMicrons: null, diameterMicrons: null, meanProbability: null });
  });

  it("leaves small foci out", async () => {
    const options = { micronsPerPixel: { x: 0.5, y: 0.5 }, minimumArea: 17 };
    expect(await traceFoci(rasterOf(mask, 4, 16), options)).toHaveLength(1);
    expect(await traceFoci(rasterOf(mask, 4, 16), { ...options, minimumArea: 16 })).toHaveLength(2);
    const areas: number[] = [];
    const onLeftOut = (area: number): number => areas.push(area);
    expect(await traceFoci(rasterOf(mask, 4, 16), { ...options, minimumArea: 1e6, onLeftOut })).toEqual([]);
    const all = await traceFoci(rasterOf(mask, 4, 16), unknown);
    expect(areas.toSorted((a, b) => b - a)).toEqual(all.map(({ level0Area }) => level0Area));
  });

  it("simplifies to microns", async () => {
    const random = new RandomStream(5, "microns");
    const raster = rasterOf(blobMask(random, 200, 200, 4), 4, 64);
    const micronsPerPixel = { x: 0.25, y: 0.25 };
    const fine = await traceFoci(raster, { micronsPerPixel });
    const halfPixel = await traceFoci(raster, { micronsPerPixel, tolerance: 0.5 });
    const coarse = await traceFoci(raster, { micronsPerPixel, tolerance: 5 });
    expect(fine).toEqual(halfPixel);
    const vertices = (foci: typeof fine): number =>
      foci.reduce((sum, { polygon }) => sum + polygon.outer.coordinates.length, 0);
    expect(vertices(coarse)).toBeLessThan(vertices(fine) / 2);
    for (const [index, focus] of fine.entries()) {
      expect(polygonArea(focus.polygon) / focus.level0Area).toBeGreaterThan(0.97);
      expect(coarse[index]?.level0Area).toBe(focus.level0Area);
    }
  });

  it.each([
    ["tolerance", -1],
    ["tolerance", Number.NaN],
    ["minimumArea", -1],
  ] as const)("refuses a %s of %d", async (key, value) => {
    await expect(traceFoci(rasterOf(mask), { ...unknown, [key]: value })).rejects.toMatchObject({
      tag: "usage",
    });
  });

  it("refuses a probability of another size", async () => {
    const probability = rasterOf(maskOf(["1"]));
    await expect(traceFoci(rasterOf(mask), { ...unknown, probability })).rejects.toMatchObject({
      tag: "shape",
    });
  });
});

const ascending = (one: number, other: number): number => one - other;
