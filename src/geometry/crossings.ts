import type { Position } from "../contract/index.js";
import { closedRing, ringFrom } from "./area.js";
import { ringContains, signedArea } from "./ring.js";

/** A side of an outline, by its number. */
interface Stretch {
  readonly at: number;
  readonly from: Position;
  readonly to: Position;
  readonly left: number;
  readonly right: number;
}

/** Two sides of an outline that cross: the earlier and the later, and where. */
interface Crossing {
  readonly first: number;
  readonly second: number;
  readonly position: Position;
}

/** How often an outline crosses itself, counted up to `most`. Sides that only touch do not cross. */
export function crossingsOf(ring: readonly Position[], most: number): number {
  return findCrossings(ring, most).length;
}

/**
 * An outline that crosses itself taken apart into outlines that do not: together they hold what it winds around. Of
 * two loops that run against each other the inner one is a hole of the outer.
 * @returns polygons, an outer ring and its holes each; null when it crosses itself more than `most` times, or so that
 *   loops against each other overlap in part
 */
export function withoutCrossings(
  ring: readonly Position[],
  most: number,
): readonly (readonly (readonly Position[])[])[] | null {
  const loops: (readonly Position[])[] = [];
  const pending = [closedRing(ring)];
  let crossings = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [crossing = vertexOfEight(next)] = findCrossings(next, 1);
    if (crossing === undefined) {
      loops.push(next);
      continue;
    }
    crossings += 1;
    if (crossings > most) return null;
    const { first, second, position } = crossing;
    pending.push(
      [position, ...next.slice(first + 1, second + 1), position],
      closedRing([...next.slice(0, first + 1), position, ...next.slice(second + 1)]),
    );
  }
  return nested(loops);
}

/** Where an outline that has no area by the shoelace formula, such as a figure of eight, comes to a vertex again. */
function vertexOfEight(closed: readonly Position[]): Crossing | undefined {
  if (signedArea(ringFrom(closed)) !== 0) return undefined;
  const seen = new Map<string, number>();
  for (const [at, position] of closed.slice(0, -1).entries()) {
    const before = seen.get(position.join());
    if (before !== undefined && at - before > 2) return { first: before, second: at, position };
    seen.set(position.join(), at);
  }
  return undefined;
}

/** Loops put into each other; null when two that run against each other overlap in part: nobody means that. */
function nested(loops: readonly (readonly Position[])[]): (readonly (readonly Position[])[])[] | null {
  const sized = loops
    .map((loop) => ({ loop, area: signedArea(ringFrom(loop)) }))
    .filter(({ area }) => area !== 0)
    .sort((one, other) => Math.abs(other.area) - Math.abs(one.area));
  const polygons: { readonly turn: number; readonly rings: (readonly Position[])[] }[] = [];
  for (const { loop, area } of sized) {
    const turn = Math.sign(area);
    let isPlaced = false;
    for (const polygon of polygons) {
      const share = shareInside(loop, polygon.rings[0] ?? []);
      if (share === 0 || (share < 1 && polygon.turn === turn)) continue;
      if (share < 1) return null;
      // What is wound around twice is inside already.
      if (polygon.turn !== turn) polygon.rings.push(loop);
      isPlaced = true;
      break;
    }
    if (!isPlaced) polygons.push({ turn, rings: [loop] });
  }
  return polygons.map(({ rings }) => rings);
}

/** Share of a loop's sides whose middles lie inside another. */
function shareInside(loop: readonly Position[], outer: readonly Position[]): number {
  const ring = ringFrom(outer);
  const sides = loop.slice(1).flatMap(([x, y], at) => {
    const from = loop[at];
    return from === undefined ? [] : [[(x + from[0]) / 2, (y + from[1]) / 2] as const];
  });
  return sides.filter(([x, y]) => ringContains(ring, x, y)).length / sides.length;
}

function findCrossings(ring: readonly Position[], most: number): Crossing[] {
  const closed = closedRing(ring);
  const stretches = closed.slice(1).flatMap((to, at): Stretch[] => {
    const from = closed[at];
    return from === undefined
      ? []
      : [{ at, from, to, left: Math.min(from[0], to[0]), right: Math.max(from[0], to[0]) }];
  });
  const last = stretches.length - 1;
  const sorted = stretches.toSorted((one, other) => one.left - other.left);
  const found: Crossing[] = [];
  for (const [index, one] of sorted.entries()) {
    for (let next = index + 1; next < sorted.length; next++) {
      const other = sorted[next];
      if (other === undefined || other.left > one.right) break;
      const apart = Math.abs(one.at - other.at);
      // Neighbours meet in a vertex; the last stretch ends where the first begins.
      if (apart < 2 || apart === last) continue;
      const position = crossingOf(one, other);
      if (position === null) continue;
      found.push({ first: Math.min(one.at, other.at), second: Math.max(one.at, other.at), position });
      if (found.length >= most) return found;
    }
  }
  return found;
}

function crossingOf({ from: a, to: b }: Stretch, { from: c, to: d }: Stretch): Position | null {
  if (Math.max(a[1], b[1]) < Math.min(c[1], d[1]) || Math.max(c[1], d[1]) < Math.min(a[1], b[1])) return null;
  const side = (p: Position, q: Position, r: Position) =>
    (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  const [fromSide, toSide] = [side(c, d, a), side(c, d, b)];
  if (fromSide * toSide >= 0 || side(a, b, c) * side(a, b, d) >= 0) return null;
  const share = fromSide / (fromSide - toSide);
  return [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
}
