import { describe, expect, it } from "vitest";
import { type AnnotationSet, GroupRoles, KnownRegion, TumourRegion } from "../../src/annotations/index.js";
import type { UnmarkedRule } from "../../src/contract/index.js";
import { annotationOf, gridOf, polygonOf, rectangle } from "./fixtures.js";

type Outline = readonly [group: string, ...rings: (readonly number[])[]];

function setOf(...outlines: readonly Outline[]): AnnotationSet {
  const annotations = outlines.map(([group, outer = [], ...holes]) =>
    annotationOf({ group, polygons: [polygonOf(outer, ...holes)] }),
  );
  return { path: "a.geojson", format: "geojson", annotations, groups: [], origin: null, warnings: [] };
}

function covers(
  unmarked: UnmarkedRule,
  outlines: readonly Outline[],
  side = 4,
): (x: number, y: number) => boolean {
  const region = KnownRegion.of(setOf(...outlines), new GroupRoles(), unmarked);
  return (x, y) => region.covers(gridOf(x, y, side, side));
}

const box = rectangle;

describe("what is known of a slide", () => {
  it("is what is marked, when nobody has said more", () => {
    const isKnown = covers("unknown", [
      ["Tumor", box(0, 0, 10, 10)],
      ["Normal", box(10, 0, 20, 10)],
    ]);
    expect(isKnown(0, 0)).toBe(true);
    // Across the border of the two: every pixel is one or the other.
    expect(isKnown(8, 3)).toBe(true);
    expect(isKnown(17, 0)).toBe(false);
    expect(isKnown(50, 50)).toBe(false);
  });

  it("is everything inside a reviewed outline, and holes of what is marked", () => {
    const isKnown = covers("unknown", [
      ["Region*", box(0, 0, 20, 20)],
      ["Tumor", box(15, 0, 30, 20), box(22, 2, 28, 18)],
    ]);
    expect(isKnown(1, 1)).toBe(true);
    expect(isKnown(18, 8)).toBe(true);
    expect(isKnown(23, 8)).toBe(true);
    expect(isKnown(27, 17)).toBe(false);
  });

  it("is not what nobody has judged, even in a reviewed outline, unless it is marked", () => {
    const outlines: Outline[] = [
      ["Region*", box(0, 0, 40, 40)],
      ["Unreviewed", box(10, 10, 20, 20)],
      ["Tumor", box(14, 10, 20, 20)],
    ];
    for (const rule of ["unknown", "normal"] as const) {
      const isKnown = covers(rule, outlines);
      expect([isKnown(0, 0), isKnown(9, 12), isKnown(14, 12)]).toEqual([true, false, true]);
    }
  });

  it("is everything else when what is not marked is free of tumour", () => {
    const isKnown = covers("normal", [["Unreviewed", box(10, 10, 20, 20)]]);
    expect([isKnown(500, 500), isKnown(12, 12), isKnown(18, 18), isKnown(20, 20)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it("takes no part in what is tumour", () => {
    const set = setOf(
      ["Region*", box(0, 0, 9, 9)],
      ["Unreviewed", box(0, 0, 9, 9)],
      ["Tumor", box(0, 0, 3, 9)],
    );
    expect(TumourRegion.of(set).fraction(gridOf(0, 0, 9, 9))).toBeCloseTo(1 / 3, 12);
  });
});
