import type { Position } from "../contract/index.js";
import { closedRing, openRing } from "./area.js";

/**
 * A ring with fewer vertices, closed: every vertex left out lies within `tolerance` of the edge that takes its place
 * (Ramer, 1972; Douglas and Peucker, 1973). Rings that would be left with fewer than three vertices stay as they are.
 */
export function simplifyRing(ring: readonly Position[], tolerance: number): readonly Position[] {
  const open = openRing(ring);
  const [first] = open;
  if (first === undefined || open.length < 4) return closedRing(open);
  // A closed line has no ends: it is cut at one vertex and at the one farthest from it.
  const opposite = farthest(open, 0, open.length - 1, (position) => squaredDistance(position, first, first));
  const kept = new Uint8Array(open.length + 1);
  const looped = [...open, first];
  kept[0] = 1;
  kept[opposite.index] = 1;
  keepNeeded(looped, 0, opposite.index, tolerance * tolerance, kept);
  keepNeeded(looped, opposite.index, open.length, tolerance * tolerance, kept);
  const simplified = open.filter((_, index) => kept[index] === 1);
  return closedRing(simplified.length < 3 ? open : simplified);
}

/** A line with fewer vertices; both ends stay. */
export function simplifyLine(line: readonly Position[], tolerance: number): readonly Position[] {
  const kept = new Uint8Array(line.length);
  kept[0] = 1;
  kept[line.length - 1] = 1;
  keepNeeded(line, 0, line.length - 1, tolerance * tolerance, kept);
  return line.filter((_, index) => kept[index] === 1);
}

function keepNeeded(
  line: readonly Position[],
  from: number,
  to: number,
  squaredTolerance: number,
  kept: Uint8Array,
): void {
  const stretches: [number, number][] = [[from, to]];
  for (let stretch = stretches.pop(); stretch !== undefined; stretch = stretches.pop()) {
    const [start, end] = stretch;
    const [first, last] = [line[start], line[end]];
    if (first === undefined || last === undefined) continue;
    const { index, value } = farthest(line, start + 1, end - 1, (position) =>
      squaredDistance(position, first, last),
    );
    if (value <= squaredTolerance) continue;
    kept[index] = 1;
    stretches.push([start, index], [index, end]);
  }
}

function farthest(
  line: readonly Position[],
  from: number,
  to: number,
  distance: (position: Position) => number,
): { readonly index: number; readonly value: number } {
  let [index, value] = [from, -1];
  for (let at = from; at <= to; at++) {
    const position = line[at];
    const own = position === undefined ? -1 : distance(position);
    if (own > value) [index, value] = [at, own];
  }
  return { index, value };
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
