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
export const MOST_CROSSINGS = 200;
/** Cells along the longer side of the grid that a tangle is read off. */
const CELLS = 600;
/** Holes and islands of a tangle of fewer cells across are between its lines, and not meant. */
const LEAST_CELLS = 12;

/** What polygons were read as: each is looked at once. */
const known = new WeakMap<Polygon, readonly Polygon[]>();

/** The area with tangles as what they wind around (non-zero rule, as training reads outlines); others as they are. */
export function untangled(polygons: readonly Polygon[]): readonly Polygon[] {
  return polygons.flatMap((polygon) => {
    const read = known.get(polygon) ?? (crossesOften(polygon) ? filled(polygon) : [polygon]);
    known.set(polygon, read);
    return read;
  });
}

/** Whether an outline crosses itself so often that it is drawn and edited as what it winds around. */
export function isTangle({ coordinates }: Area): boolean {
  return coordinates.some((polygon) => untangled([polygon])[0] !== polygon);
}

function crossesOften(polygon: Polygon): boolean {
  let count = 0;
  for (const ring of polygon) {
    // Few vertices are no trouble, however they cross.
    if (ring.length <= MOST_CROSSINGS) continue;
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
  closeHoles(data, width);
  const box = { space: "level-0", x: left, y: top, width: width * step, height: height * step } as const;
  const isMeant = (outline: readonly Position[] = []) =>
    Math.abs(signedArea(ringFrom(outline))) >= (LEAST_CELLS * step) ** 2;
  return areaOfLogits({ width, height, data }, box)
    .coordinates.filter(([outer]) => isMeant(outer))
    .map(([outer = [], ...holes]) => [outer, ...holes.filter(isMeant)]);
}

/** Fills holes that are not meant, since outlining thousands of them takes long. */
function closeHoles(data: Float32Array, width: number): void {
  const height = data.length / width;
  const isSeen = new Uint8Array(data.length);
  const hole = new Uint32Array(data.length);
  for (let start = 0; start < data.length; start++) {
    if (isSeen[start] === 1 || (data[start] ?? 0) > 0) continue;
    let [size, isOpen] = [0, false];
    const reach = (cell: number) => {
      if (isSeen[cell] === 1 || (data[cell] ?? 0) > 0) return;
      isSeen[cell] = 1;
      hole[size++] = cell;
    };
    reach(start);
    for (let at = 0; at < size; at++) {
      const cell = hole[at] ?? 0;
      const [x, y] = [cell % width, Math.floor(cell / width)];
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) isOpen = true;
      if (x > 0) reach(cell - 1);
      if (x < width - 1) reach(cell + 1);
      if (y > 0) reach(cell - width);
      if (y < height - 1) reach(cell + width);
    }
    if (isOpen || size >= LEAST_CELLS ** 2) continue;
    for (let at = 0; at < size; at++) data[hole[at] ?? 0] = 1;
  }
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
