import type { Area, Position } from "../../../contract/index.js";

/** Rings here may be open or closed (the first position repeated at the end): both mean the same. */
export type Ring = readonly Position[];

/** Smallest upright rectangle around something, in level-0 pixels. */
export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Twice-signed shoelace area, halved: positive where the ring runs clockwise on the screen. */
export function signedArea(ring: Ring): number {
  const [originX, originY] = ring[0] ?? [0, 0];
  let twice = 0;
  let [beforeX, beforeY] = ring.at(-1) ?? [0, 0];
  for (const [x, y] of ring) {
    twice += (beforeX - originX) * (y - originY) - (x - originX) * (beforeY - originY);
    [beforeX, beforeY] = [x, y];
  }
  return twice / 2;
}

/** Whether a position is inside a ring (even-odd rule). */
export function containsPosition(ring: Ring, [x, y]: Position): boolean {
  let inside = false;
  let [beforeX, beforeY] = ring.at(-1) ?? [0, 0];
  for (const [atX, atY] of ring) {
    if (atY > y !== beforeY > y && x < ((beforeX - atX) * (y - atY)) / (beforeY - atY) + atX)
      inside = !inside;
    [beforeX, beforeY] = [atX, atY];
  }
  return inside;
}

/** Whether a position is in an area: in one of its polygons and in none of that polygon's holes. */
export function areaContains({ coordinates }: Area, position: Position): boolean {
  return coordinates.some(
    ([outer = [], ...holes]) =>
      containsPosition(outer, position) && !holes.some((hole) => containsPosition(hole, position)),
  );
}

/** Square pixels inside an area, its holes left out. */
export function areaSize({ coordinates }: Area): number {
  return coordinates.reduce(
    (total, [outer = [], ...holes]) =>
      total + Math.abs(signedArea(outer)) - holes.reduce((sum, hole) => sum + Math.abs(signedArea(hole)), 0),
    0,
  );
}

/** Null for an area without positions. */
export function boundsOf({ coordinates }: Area): Bounds | null {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [outer = []] of coordinates) {
    for (const [x, y] of outer) {
      left = Math.min(left, x);
      top = Math.min(top, y);
      right = Math.max(right, x);
      bottom = Math.max(bottom, y);
    }
  }
  return left > right ? null : { left, top, right, bottom };
}

export function boundsOverlap(one: Bounds, other: Bounds): boolean {
  return (
    one.left <= other.right && other.left <= one.right && one.top <= other.bottom && other.top <= one.bottom
  );
}

/** An area of one polygon without holes. */
export function areaOfRing(ring: Ring): Area {
  return { type: "MultiPolygon", coordinates: [[closedRing(ring)]] };
}

/** The ring with its first position repeated at the end, as GeoJSON has it. */
export function closedRing(ring: Ring): readonly Position[] {
  const open = openRing(ring);
  const [first] = open;
  return first === undefined ? open : [...open, first];
}

/** The ring without a repeated first position at the end. */
export function openRing(ring: Ring): readonly Position[] {
  const [first, last] = [ring[0], ring.at(-1)];
  const isClosed =
    ring.length > 1 &&
    first !== undefined &&
    last !== undefined &&
    first[0] === last[0] &&
    first[1] === last[1];
  return isClosed ? ring.slice(0, -1) : ring;
}

/** Square of the distance from a position to the stretch between two others. */
export function squaredDistance([x, y]: Position, [fromX, fromY]: Position, [toX, toY]: Position): number {
  const [alongX, alongY] = [toX - fromX, toY - fromY];
  const length = alongX * alongX + alongY * alongY;
  const share =
    length === 0 ? 0 : Math.max(0, Math.min(1, ((x - fromX) * alongX + (y - fromY) * alongY) / length));
  const [offX, offY] = [x - fromX - share * alongX, y - fromY - share * alongY];
  return offX * offX + offY * offY;
}
