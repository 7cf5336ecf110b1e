import * as polyclip from "polyclip-ts";
import type { Area, Position } from "../../../contract/index.js";
import {
  areaSize,
  boundsOf,
  boundsOverlap,
  closedRing,
  crossingsOf,
  ringFrom,
  signedArea,
} from "../../../geometry/index.js";

import { untangled } from "./tangle.js";

type Polygon = Area["coordinates"][number];

/** Coordinates are rounded to this share of a level-0 pixel: vertices that are almost one would make slivers. */
const STEPS_PER_PIXEL = 16;
/** Areas smaller than this, in square level-0 pixels, are left over by rounding. */
const LEAST_AREA = 0.5;

/** What lies in either area. */
export function unionOf(one: Area, other: Area): Area {
  const { touched, apart } = splitByBounds(one, other);
  return tidied([...apart, ...fromClip(polyclip.union(forClip(touched), forClip(other.coordinates)))]);
}

/**
 * What lies in the first area and not in the second; null when nothing is left.
 * @param crumb what is cut to fewer square pixels than this goes altogether
 */
export function differenceOf(one: Area, other: Area, crumb = 0): Area | null {
  const { touched, apart } = splitByBounds(one, other);
  if (touched.length === 0) return one;
  const parts = fromClip(polyclip.difference(forClip(touched), forClip(other.coordinates)));
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
  const slide: [number, number][] = [
    [0, 0],
    [width, 0],
    [width, height],
    [0, height],
    [0, 0],
  ];
  const clipped = tidied(fromClip(polyclip.intersection(forClip(area.coordinates), [[slide]])));
  return clipped.coordinates.length === 0 ? null : clipped;
}

/** The area with outlines that cross themselves taken apart (even-odd rule); null when it encloses nothing. */
export function withoutCrossings(area: Area): Area | null {
  const result = area.coordinates.some((polygon) => polygon.some(crossesItself))
    ? tidied(fromClip(polyclip.union(forClip(area.coordinates))))
    : tidied(area.coordinates);
  return result.coordinates.length === 0 || areaSize(result) < LEAST_AREA ? null : result;
}

/** Whether an outline crosses itself. */
export function crossesItself(ring: readonly Position[]): boolean {
  return crossingsOf(ring, 1) > 0;
}

/** Polygons that the other area can reach, and those that it cannot: clipping takes long. */
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

function forClip(given: Area["coordinates"]): polyclip.Geom {
  const polygons = untangled(given);
  const round = (value: number) => Math.round(value * STEPS_PER_PIXEL) / STEPS_PER_PIXEL;
  return polygons.map((polygon) =>
    polygon.map((ring) => ring.map(([x, y]): [number, number] => [round(x), round(y)])),
  );
}

function fromClip(polygons: readonly (readonly (readonly [number, number][])[])[]): Polygon[] {
  return polygons.map((polygon) => polygon.map((ring) => ring.map(([x, y]): Position => [x, y])));
}

/** Without slivers, every ring closed. */
function tidied(polygons: readonly Polygon[]): Area {
  const isLarge = (ring: readonly Position[] = []) => Math.abs(signedArea(ringFrom(ring))) >= LEAST_AREA;
  const coordinates = polygons
    .filter(([outer]) => isLarge(outer))
    .map(([outer = [], ...holes]) => [outer, ...holes.filter(isLarge)].map(closedRing));
  return { type: "MultiPolygon", coordinates };
}
