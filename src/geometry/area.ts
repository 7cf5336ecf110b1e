import type { Area, Position } from "../contract/index.js";
import {
  boxOfRing,
  type Level0Box,
  type Level0Polygon,
  type Level0Ring,
  polygonArea,
  ringContains,
} from "./ring.js";

// An area is the JSON form of polygons. Its rings may be open or closed (the first position repeated at the end): both
// mean the same.

/** Areas never change, so that the coordinates of a ring are those that it had when they were first asked for. */
const known = new WeakMap<readonly Position[], Level0Ring>();

/** The ring of these positions. */
export function ringFrom(positions: readonly Position[]): Level0Ring {
  const before = known.get(positions);
  if (before !== undefined) return before;
  const open = openRing(positions);
  const coordinates = new Float64Array(2 * open.length);
  open.forEach(([x, y], index) => {
    coordinates[2 * index] = x;
    coordinates[2 * index + 1] = y;
  });
  const ring = { space: "level-0", coordinates } as const;
  known.set(positions, ring);
  return ring;
}

/** The vertices of a ring with the first repeated at the end, as GeoJSON has them. */
export function positionsOf({ coordinates }: Level0Ring): Position[] {
  const positions: Position[] = [];
  for (let at = 0; at <= coordinates.length; at += 2) {
    const from = at % coordinates.length;
    positions.push([coordinates[from] ?? 0, coordinates[from + 1] ?? 0]);
  }
  return positions;
}

/** The polygons of an area. */
export function polygonsOf({ coordinates }: Area): Level0Polygon[] {
  return coordinates.flatMap(([outer, ...holes]) =>
    outer === undefined ? [] : [{ outer: ringFrom(outer), holes: holes.map(ringFrom) }],
  );
}

/** Whether a position is in an area: in one of its polygons and in none of that polygon's holes. */
export function areaContains(area: Area, [x, y]: Position): boolean {
  return polygonsOf(area).some(
    ({ outer, holes }) => ringContains(outer, x, y) && !holes.some((hole) => ringContains(hole, x, y)),
  );
}

/** Square pixels inside an area, its holes left out. */
export function areaSize(area: Area): number {
  return polygonsOf(area).reduce((total, polygon) => total + polygonArea(polygon), 0);
}

/** Null for an area without positions. */
export function boundsOf(area: Area): Level0Box | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { outer } of polygonsOf(area)) {
    const box = boxOfRing(outer);
    [left, top] = [Math.min(left, box.left), Math.min(top, box.top)];
    [right, bottom] = [Math.max(right, box.right), Math.max(bottom, box.bottom)];
  }
  return left > right ? null : { left, top, right, bottom };
}

/** An area of one polygon without holes. */
export function areaOfRing(ring: readonly Position[]): Area {
  return { type: "MultiPolygon", coordinates: [[closedRing(ring)]] };
}

/** The ring with its first position repeated at the end, as GeoJSON has it. */
export function closedRing(ring: readonly Position[]): readonly Position[] {
  const open = openRing(ring);
  const [first] = open;
  return first === undefined ? open : [...open, first];
}

/** The ring without a repeated first position at the end. */
export function openRing(ring: readonly Position[]): readonly Position[] {
  const [first, last] = [ring[0], ring.at(-1)];
  const isClosed =
    ring.length > 1 &&
    first !== undefined &&
    last !== undefined &&
    first[0] === last[0] &&
    first[1] === last[1];
  return isClosed ? ring.slice(0, -1) : ring;
}
