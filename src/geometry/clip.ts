import { distinctRing, type Level0Box, type Level0Ring } from "./ring.js";

/**
 * The part of a ring in a box (Sutherland and Hodgman, 1974); null when nothing is left. Parts that are apart stay joined
 * by stretches along the border, which wind around nothing.
 */
export function clippedRing({ coordinates }: Level0Ring, box: Level0Box): Level0Ring | null {
  let rest = [...coordinates];
  for (const [axis, sign, limit] of [
    [0, 1, box.left],
    [0, -1, box.right],
    [1, 1, box.top],
    [1, -1, box.bottom],
  ] as const) {
    rest = clippedBy(rest, axis, sign, limit);
  }
  return distinctRing(rest);
}

/** What of a ring lies where x (axis 0) or y (axis 1) is at least (sign 1) or at most (sign -1) the limit. */
function clippedBy(ring: readonly number[], axis: 0 | 1, sign: 1 | -1, limit: number): number[] {
  const kept: number[] = [];
  for (let at = 0; at < ring.length; at += 2) {
    const before = (at === 0 ? ring.length : at) - 2;
    const [fromDepth, toDepth] = [before, at].map((from) => sign * ((ring[from + axis] ?? 0) - limit));
    if (fromDepth === undefined || toDepth === undefined) continue;
    if (fromDepth >= 0 !== toDepth >= 0) {
      const share = fromDepth / (fromDepth - toDepth);
      const other = 1 - axis;
      const [from, to] = [ring[before + other] ?? 0, ring[at + other] ?? 0];
      const crossing = from + share * (to - from);
      kept.push(...(axis === 0 ? [limit, crossing] : [crossing, limit]));
    }
    if (toDepth >= 0) kept.push(ring[at] ?? 0, ring[at + 1] ?? 0);
  }
  return kept;
}
