import { describe, expect, it } from "vitest";
import { GroupRoles, parseAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { RandomStream } from "../../src/common/index.js";
import { polygonArea, ringContains } from "../../src/geometry/index.js";
import { processorStopwatch } from "../support/processor-time.js";
import { annotationOf, asapXml, failureOf, gridOf, polygonOf, rectangle } from "./fixtures.js";

const rows = ({ width, data }: { width: number; data: Uint8Array }): string[] =>
  Array.from({ length: data.length / width }, (_, row) =>
    data.subarray(row * width, (row + 1) * width).join(""),
  );

/** A ring around a centre whose radius varies: a polygon that does not cross itself. */
function star(random: RandomStream, x: number, y: number, radius: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count;
    const r = radius * random.uniform(0.5, 1);
    return [x + r * Math.cos(angle), y + r * Math.sin(angle)];
  }).flat();
}

const sum = (data: Uint8Array): number => data.reduce((total, value) => total + value, 0);

function perimeter(ring: readonly number[]): number {
  let length = 0;
  for (let at = 0; at < ring.length; at += 2) {
    const next = (at + 2) % ring.length;
    length += Math.hypot((ring[at] ?? 0) - (ring[next] ?? 0), (ring[at + 1] ?? 0) - (ring[next + 1] ?? 0));
  }
  return length;
}

describe("TumourRegion", () => {
  it("takes a pixel when its centre is inside, one on the outline at the left and the top only", () => {
    const region = new TumourRegion([polygonOf([1.5, 0.5, 3.5, 0.5, 3.5, 2.5, 1.5, 2.5])]);
    expect(rows(region.rasterise(gridOf(0, 0, 5, 4)))).toEqual(["01100", "01100", "00000", "00000"]);
    expect(rows(region.rasterise(gridOf(1, 0, 3, 1)))).toEqual(["110"]);
  });

  it("takes holes out of their own polygon only, and exclusions out of everything", () => {
    const ring = polygonOf(rectangle(0, 0, 6, 3), rectangle(1, 1, 5, 2));
    const island = polygonOf(rectangle(2, 1, 4, 2));
    const grid = gridOf(0, 0, 6, 3);
    expect(rows(new TumourRegion([ring]).rasterise(grid))).toEqual(["111111", "100001", "111111"]);
    expect(rows(new TumourRegion([island, ring]).rasterise(grid))).toEqual(["111111", "101101", "111111"]);
    const excluded = new TumourRegion(
      [ring, island],
      [polygonOf(rectangle(0, 0, 3, 9), rectangle(0, 0, 1, 1))],
    );
    expect(rows(excluded.rasterise(grid))).toEqual(["100111", "000101", "000111"]);
  });

  it("counts windings, so that a ring that overlaps itself has no gap, in either direction", () => {
    const twice = [...rectangle(0, 0, 4, 2), ...rectangle(2, 0, 6, 2)];
    const reversed = twice.flatMap((_, at) =>
      at % 2 ? [] : [twice.at(-2 - at) ?? 0, twice.at(-1 - at) ?? 0],
    );
    for (const ring of [twice, reversed]) {
      expect(rows(new TumourRegion([polygonOf(ring)]).rasterise(gridOf(0, 0, 6, 1)))).toEqual(["111111"]);
    }
  });

  it("agrees with the definition at every pixel, for random polygons, levels and patches", () => {
    for (let trial = 0; trial < 60; trial++) {
      const random = new RandomStream(7, "region", trial);
      const outer = star(random, random.uniform(-20, 80), random.uniform(-20, 80), random.uniform(3, 60), 12);
      const hole = star(random, 30, 30, 15, 7);
      const exclusion = star(random, 50, 30, 20, 9);
      const region = new TumourRegion([polygonOf(outer, hole)], [polygonOf(exclusion)]);
      const pixel = random.uniform(0.4, 5);
      const grid = gridOf(random.uniform(-30, 30), random.uniform(-30, 30), 23, 17, pixel);
      const [ringed, holed, excluded] = [outer, hole, exclusion].map((ring) => polygonOf(ring).outer);
      if (!ringed || !holed || !excluded) throw new Error("three rings");
      const expected = Uint8Array.from({ length: 23 * 17 }, (_, index) => {
        const x = grid.origin.x + ((index % 23) + 0.5) * pixel;
        const y = grid.origin.y + (Math.floor(index / 23) + 0.5) * pixel;
        const inside =
          ringContains(ringed, x, y) && !ringContains(holed, x, y) && !ringContains(excluded, x, y);
        return inside ? 1 : 0;
      });
      expect(region.rasterise(grid).data).toEqual(expected);
      expect(region.fraction(grid)).toBe(sum(expected) / expected.length);
    }
  });

  it("has the polygon's area up to half a pixel along its border", () => {
    for (let trial = 0; trial < 30; trial++) {
      const random = new RandomStream(8, "area", trial);
      const outer = star(random, 100, 100, 90, 40);
      const pixel = random.uniform(0.3, 2);
      const grid = gridOf(0, 0, Math.ceil(200 / pixel), Math.ceil(200 / pixel), pixel);
      const area = sum(new TumourRegion([polygonOf(outer)]).rasterise(grid).data) * pixel ** 2;
      const bound = perimeter(outer) * pixel * Math.SQRT1_2;
      expect(Math.abs(area - polygonArea(polygonOf(outer)))).toBeLessThan(bound);
    }
  });

  it("moves with the polygon, and patches side by side are the whole, also a million pixels out", () => {
    const random = new RandomStream(9, "translation");
    const outer = star(random, 64, 64, 60, 30).map((value) => Math.round(value * 64) / 64);
    const whole = new TumourRegion([polygonOf(outer)]).rasterise(gridOf(0, 0, 128, 128));
    const moved = outer.map((value, at) => value + (at % 2 === 0 ? 2 ** 20 : 2 ** 19 + 12));
    const region = new TumourRegion([polygonOf(moved)]);
    expect(region.rasterise(gridOf(2 ** 20, 2 ** 19 + 12, 128, 128)).data).toEqual(whole.data);
    for (let x = 0; x < 128; x += 32) {
      const tile = region.rasterise(gridOf(2 ** 20 + x, 2 ** 19 + 12, 32, 128));
      const cut = Uint8Array.from(
        { length: 32 * 128 },
        (_, at) => whole.data[(at >> 5) * 128 + x + (at & 31)] ?? 9,
      );
      expect(tile.data).toEqual(cut);
    }
  });

  it("leaves no gap and no overlap between polygons that share an outline", () => {
    const random = new RandomStream(10, "partition");
    const border = Array.from({ length: 50 }, (_, index) => [random.uniform(20, 80), index * 2]).flat();
    const left = new TumourRegion([polygonOf([0, 0, ...border, 0, 98])]);
    const right = new TumourRegion([polygonOf([100, 0, ...border, 100, 98])]);
    const grid = gridOf(0, 0, 100, 98);
    const [a, b] = [left.rasterise(grid).data, right.rasterise(grid).data];
    expect(a.every((value, at) => value + (b[at] ?? 0) === 1)).toBe(true);
  });

  it("draws grids larger than its strips as it draws small ones", () => {
    const region = new TumourRegion([
      polygonOf(rectangle(10, 10, 2990, 1990), rectangle(500, 500, 600, 1500)),
    ]);
    expect(sum(region.rasterise(gridOf(0, 0, 3000, 2000)).data)).toBe(2980 * 1980 - 100 * 1000);
  });

  it("takes about a millisecond for a patch of an outline of 140,000 vertices", () => {
    const count = 140_000;
    const ring = Array.from({ length: count }, (_, index) => {
      const angle = (2 * Math.PI * index) / count;
      const r = 20_000 + 300 * Math.sin(angle * 4000);
      return [50_000 + r * Math.cos(angle), 50_000 + r * Math.sin(angle)];
    }).flat();
    const region = new TumourRegion([polygonOf(ring)]);
    const patches = Array.from({ length: 40 }, (_, index) =>
      gridOf(29_700 + index * 10, 50_000 + index * 400, 512, 512),
    );
    const fractions = patches.map((grid) => region.fraction(grid));
    expect(Math.max(...fractions)).toBeGreaterThan(0.3);
    const seconds = processorStopwatch();
    for (const grid of patches) region.fraction(grid);
    // Measured at 1 ms; the bound leaves room for garbage collected meanwhile.
    expect(seconds() / patches.length).toBeLessThan(0.015);
  });

  it("stays quick and small when every edge of a huge outline crosses every row", () => {
    const zigzag = Array.from({ length: 100_000 }, (_, index) => [
      index / 100,
      index % 2 === 0 ? 0 : 1000,
    ]).flat();
    const region = new TumourRegion([polygonOf([...zigzag, 1000, 2000, 0, 2000])]);
    const seconds = processorStopwatch();
    const { data } = region.rasterise(gridOf(100, 100, 128, 128));
    expect(sum(data)).toBeGreaterThan(0);
    expect(seconds()).toBeLessThan(3);
  });

  it("refuses grids without pixels", () => {
    const region = new TumourRegion([]);
    expect(failureOf(() => region.rasterise(gridOf(0, 0, 0, 5)))).toMatch(/^\[shape\]/);
    expect(failureOf(() => region.fraction(gridOf(0, 0, 5, 5, Number.NaN)))).toMatch(/^\[shape\]/);
  });
});

describe("roles of groups", () => {
  const set = (group: string | null) => ({
    path: "a.xml",
    format: "asap-xml" as const,
    annotations: [annotationOf({ name: "one", group, polygons: [polygonOf(rectangle(0, 0, 1, 1))] })],
    groups: [
      { name: "Nest 7", colour: null, parent: "Nests" },
      { name: "Nests", colour: null, parent: "metastases" },
    ],
    origin: null,
    warnings: [],
  });

  it("come from the group, from what it is part of, or from the user", () => {
    const isTumour = (group: string | null, rules = {}) =>
      !TumourRegion.of(set(group), new GroupRoles(rules)).isEmpty;
    for (const name of ["Tumor", "tumour", "_0", "_1", "metastases", "Nest 7"])
      expect(isTumour(name)).toBe(true);
    for (const name of ["_2", "normal", "Exclusion"]) expect(isTumour(name)).toBe(false);
    expect(isTumour("Nest 7", { exclusion: ["nests"] })).toBe(false);
    expect(isTumour("Tumor", { ignored: ["TUMOR"] })).toBe(false);
    expect(isTumour(null, { tumour: ["None"] })).toBe(true);
  });

  it("are never guessed", () => {
    const unknown = failureOf(() => TumourRegion.of(set("Stroma")));
    expect(unknown).toMatch(/^\[annotation\] a\.xml: has the annotation "one" in the unknown group "Stroma"/);
    expect(unknown).toMatch(/`groups\.tumour: "Stroma"`/);
    expect(failureOf(() => TumourRegion.of(set(null)))).toMatch(/in no group .*`groups\.ignored: "None"`/);
    expect(failureOf(() => new GroupRoles({ tumour: ["x"], exclusion: ["X"] }))).toMatch(/^\[usage\].*both/);
    const dots = parseAnnotations(
      "d.xml",
      asapXml({ annotation: 'Name="d" Type="Dot" PartOfGroup="cells"' }),
    );
    expect(TumourRegion.of(dots).isEmpty).toBe(true);
  });
});
