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
    const starts = windingChanges(ring, { left, top, step, height });
    starts.forEach((changes, row) => {
      let winding = 0;
      changes
        .sort((one, other) => one.column - other.column)
        .forEach(({ column, turn }, at) => {
          winding += turn;
          const end = Math.min(width, Math.max(0, Math.ceil(changes[at + 1]?.column ?? 0)));
          if (winding !== 0)
            data.fill(value, row * width + Math.max(0, Math.ceil(column)), row * width + end);
        });
    });
  });
  const box = { space: "level-0", x: left, y: top, width: width * step, height: height * step } as const;
  const isMeant = (outline: readonly Position[] = []) =>
    Math.abs(signedArea(ringFrom(outline))) >= (LEAST_CELLS * step) ** 2;
  return areaOfLogits({ width, height, data }, box)
    .coordinates.filter(([outer]) => isMeant(outer))
    .map(([outer = [], ...holes]) => [outer, ...holes.filter(isMeant)]);
}

/** Where each row of a grid, at the middle of its cells, meets an outline, in columns, and which way that runs. */
function windingChanges(
  ring: readonly Position[],
  { left, top, step, height }: Record<"left" | "top" | "step" | "height", number>,
): { readonly column: number; readonly turn: 1 | -1 }[][] {
  const rows: { readonly column: number; readonly turn: 1 | -1 }[][] = Array.from(
    { length: height },
    () => [],
  );
  const closed = closedRing(ring).map(
    ([x, y]): Position => [(x - left) / step - 0.5, (y - top) / step - 0.5],
  );
  closed.slice(1).forEach((to, index) => {
    const from = closed[index];
    if (from === undefined) return;
    const [high, low] = from[1] < to[1] ? [from, to] : [to, from];
    for (let row = Math.max(0, Math.ceil(high[1])); row < low[1]; row++) {
      const column = high[0] + ((row - high[1]) / (low[1] - high[1])) * (low[0] - high[0]);
      rows[row]?.push({ column, turn: high === from ? 1 : -1 });
    }
  });
  return rows;
}
