import type { Area, Position } from "../../../contract/index.js";
import {
  areaOfLogits,
  boundsOf,
  closedRing,
  crossingsOf,
  ringFrom,
  signedArea,
} from "../../../geometry/index.js";

type Polygon = Area["coordinates"][number];

/** Crossings of a polygon above which it is a tangle: taking it apart exactly would take seconds, and make crumbs. */
const MOST_CROSSINGS = 200;
/** Cells along the longer side of the grid that a tangle is read off. */
const CELLS = 600;
/** Holes and islands of a tangle of fewer cells across are between its lines, and not meant. */
const LEAST_CELLS = 12;

/** The area with tangles as what they wind around (non-zero rule, as training reads outlines); others as they are. */
export function untangled(polygons: readonly Polygon[]): readonly Polygon[] {
  return polygons.flatMap((polygon) => (isTangle(polygon) ? filled(polygon) : [polygon]));
}

function isTangle(polygon: Polygon): boolean {
  let count = 0;
  for (const ring of polygon) {
    count += crossingsOf(ring, MOST_CROSSINGS - count + 1);
    if (count > MOST_CROSSINGS) return true;
  }
  return false;
}

/** What a polygon winds around, read off a grid. */
function filled(polygon: Polygon): readonly Polygon[] {
  const bounds = boundsOf({ type: "MultiPolygon", coordinates: [polygon] });
  if (bounds === null) return [];
  const { left, top, right, bottom } = bounds;
  const step = Math.max(right - left, bottom - top) / CELLS;
  if (step === 0) return [];
  const [width, height] = [Math.ceil((right - left) / step) + 1, Math.ceil((bottom - top) / step) + 1];
  const data = new Float32Array(width * height).fill(-1);
  polygon.forEach((ring, index) => {
    const value = index === 0 ? 1 : -1;
    const turns = turnsOf(ring, { left, top, step, width, height });
    let winding = 0;
    for (let cell = 0; cell < turns.length; cell++) {
      if (cell % width === 0) winding = 0;
      winding += turns[cell] ?? 0;
      if (winding !== 0) data[cell] = value;
    }
  });
  const box = { space: "level-0", x: left, y: top, width: width * step, height: height * step } as const;
  const isMeant = (outline: readonly Position[] = []) =>
    Math.abs(signedArea(ringFrom(outline))) >= (LEAST_CELLS * step) ** 2;
  return areaOfLogits({ width, height, data }, box)
    .coordinates.filter(([outer]) => isMeant(outer))
    .map(([outer = [], ...holes]) => [outer, ...holes.filter(isMeant)]);
}

/** How many times more each cell of a grid is wound around than the one to its left, rows met at the middle of cells. */
function turnsOf(
  ring: readonly Position[],
  { left, top, step, width, height }: Record<"left" | "top" | "step" | "width" | "height", number>,
): Int32Array {
  const turns = new Int32Array(width * height);
  const closed = closedRing(ring).map(
    ([x, y]): Position => [(x - left) / step - 0.5, (y - top) / step - 0.5],
  );
  closed.slice(1).forEach((to, index) => {
    const from = closed[index];
    if (from === undefined) return;
    const [high, low] = from[1] < to[1] ? [from, to] : [to, from];
    for (let row = Math.max(0, Math.ceil(high[1])); row < Math.min(height, low[1]); row++) {
      const column = high[0] + ((row - high[1]) / (low[1] - high[1])) * (low[0] - high[0]);
      const cell = Math.max(0, Math.ceil(column));
      if (cell < width)
        turns[row * width + cell] = (turns[row * width + cell] ?? 0) + (high === from ? 1 : -1);
    }
  });
  return turns;
}
