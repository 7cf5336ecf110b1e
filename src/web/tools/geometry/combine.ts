import { Clipper, ClipType, FillRule, type Paths64, type PolyPath64, PolyTree64 } from "clipper2-ts";
import type { Area, Position } from "../../../contract/index.js";
import {
  areaSize,
  boundsOf,
  boundsOverlap,
  closedRing,
  crossingsOf,
  openRing,
  ringFrom,
  signedArea,
} from "../../../geometry/index.js";
import { rectangleRing } from "./shapes.js";
import { untangled } from "./tangle.js";

type Polygon = Area["coordinates"][number];

/** Coordinates are rounded to this share of a level-0 pixel: vertices that are almost one would make slivers. */
const STEPS_PER_PIXEL = 16;
/** Areas smaller than this, in square level-0 pixels, are left over by rounding. */
const LEAST_AREA = 0.5;

/** What lies in either area. */
export function unionOf(one: Area, other: Area): Area {
  const { touched, apart } = splitByBounds(one, other);
  return tidied([...apart, ...combined(ClipType.Union, touched, other.coordinates)]);
}

/**
 * What lies in the first area and not in the second; null when nothing is left.
 * @param crumb what is cut to fewer square pixels than this goes altogether
 */
export function differenceOf(one: Area, other: Area, crumb = 0): Area | null {
  const { touched, apart } = splitByBounds(one, other);
  if (touched.length === 0) return one;
  const parts = combined(ClipType.Difference, touched, other.coordinates);
  const kept = parts.filter(([outer = []]) => Math.abs(signedArea(ringFrom(outer))) >= crumb);
  const left = tidied([...apart, ...kept]);
  return left.coordinates.length === 0 ? null : left;
}

/** What of an area lies on the slide; null when nothing does. */
export function onSlide(
  area: Area,
  { width, height }: { readonly width: number; readonly height: number },
): Area | null {
  const bounds = boundsOf(area);
  if (bounds === null) return null;
  const { left, top, right, bottom } = bounds;
  if (left >= 0 && top >= 0 && right <= width && bottom <= height) return area;
  const slide = rectangleRing([0, 0], [width, height]);
  const clipped = tidied(combined(ClipType.Intersection, area.coordinates, [[slide]]));
  return clipped.coordinates.length === 0 ? null : clipped;
}

/** The area with outlines that cross themselves taken apart; null when it encloses nothing. */
export function withoutCrossings(area: Area): Area | null {
  const result = area.coordinates.some((polygon) => polygon.some(crossesItself))
    ? tidied(combined(ClipType.Union, area.coordinates, []))
    : tidied(area.coordinates);
  return result.coordinates.length === 0 || areaSize(result) < LEAST_AREA ? null : result;
}

/** Whether an outline crosses itself. */
export function crossesItself(ring: readonly Position[]): boolean {
  return crossingsOf(ring, 1) > 0;
}

/** Polygons that the other area can reach, and those that it cannot: they stay as they are. */
function splitByBounds(one: Area, other: Area): { readonly touched: Polygon[]; readonly apart: Polygon[] } {
  const reach = boundsOf(other);
  const [touched, apart]: [Polygon[], Polygon[]] = [[], []];
  for (const polygon of one.coordinates) {
    const own = boundsOf({ type: "MultiPolygon", coordinates: [polygon] });
    const meets = own !== null && reach !== null && boundsOverlap(own, reach);
    (meets ? touched : apart).push(polygon);
  }
  return { touched, apart };
}

/** Two areas combined. A ring holds what it winds around, as in training. */
function combined(how: ClipType, one: readonly Polygon[], other: readonly Polygon[]): Polygon[] {
  const tree = new PolyTree64();
  Clipper.booleanOpWithPolyTree(how, pathsOf(untangled(one)), pathsOf(other), tree, FillRule.NonZero);
  return polygonsIn(tree);
}

/** Outlines that do not cross, outer ones and holes running against each other. */
function pathsOf(polygons: readonly Polygon[]): Paths64 {
  return polygons.flatMap(([outer = [], ...holes]) =>
    // Each ring by itself: two that overlap and run against each other would cancel.
    Clipper.difference(windings([outer]), windings(holes), FillRule.NonZero),
  );
}

function windings(rings: readonly (readonly Position[])[]): Paths64 {
  return rings.flatMap((ring) => {
    const path = openRing(ring).map(([x, y]) => ({
      x: Math.round(x * STEPS_PER_PIXEL),
      y: Math.round(y * STEPS_PER_PIXEL),
    }));
    return rings.length === 1 ? [path] : Clipper.union([path], FillRule.NonZero);
  });
}

/** Outer rings with their holes, and what lies in those again. */
function polygonsIn(parent: PolyPath64): Polygon[] {
  return childrenOf(parent).flatMap((outer) => {
    const holes = childrenOf(outer);
    return [[outer, ...holes].map(positionsOf), ...holes.flatMap(polygonsIn)];
  });
}

function childrenOf(path: PolyPath64): PolyPath64[] {
  return Array.from({ length: path.count }, (_, index) => path.child(index));
}

function positionsOf({ poly }: PolyPath64): Position[] {
  return (poly ?? []).map(({ x, y }): Position => [x / STEPS_PER_PIXEL, y / STEPS_PER_PIXEL]);
}

/** Without slivers, every ring closed. */
function tidied(polygons: readonly Polygon[]): Area {
  const isLarge = (ring: readonly Position[] = []) => Math.abs(signedArea(ringFrom(ring))) >= LEAST_AREA;
  const coordinates = polygons
    .filter(([outer]) => isLarge(outer))
    .map(([outer = [], ...holes]) => [outer, ...holes.filter(isLarge)].map(closedRing));
  return { type: "MultiPolygon", coordinates };
}
