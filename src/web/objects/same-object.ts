import type { AnnotationObject, Area } from "../../contract/index.js";
import { areaSize, boundsOf, boundsOverlap, polygonsOf, ringContains } from "../../geometry/index.js";

/** Points along each side of the grid on which two areas are compared. */
const GRID = 16;
/** Of what two outlines of one object cover, both cover more than this share: no third one can, too. */
const SAME_SHARE = 0.5;

/** Areas that were found to outline the same, by the one that was looked for. */
const known = new WeakMap<Area, Area>();

/**
 * For each area the object that outlines the same, drawn by hand, brought in, or made of the map at some threshold; what
 * says where somebody has looked, measured or taught (classes that end in `*`) outlines nothing.
 */
export function sameObjects(
  areas: readonly Area[],
  objects: Iterable<AnnotationObject>,
): ReadonlyMap<Area, AnnotationObject> {
  const outlines = [...objects].filter(
    ({ area, classification }) => area.coordinates.length > 0 && classification?.endsWith("*") !== true,
  );
  const byArea = new Map(outlines.map((object) => [object.area, object]));
  const found = new Map<Area, AnnotationObject>();
  const open: Area[] = [];
  for (const area of areas) {
    const before = known.get(area);
    const object = before === undefined ? undefined : byArea.get(before);
    if (object === undefined) open.push(area);
    else found.set(area, object);
  }
  if (open.length === 0) return found;
  const others = outlines.map((object) => ({ object, bounds: boundsOf(object.area) }));
  for (const area of open) {
    const bounds = boundsOf(area);
    const same = others.find(
      (other) =>
        bounds !== null &&
        other.bounds !== null &&
        boundsOverlap(bounds, other.bounds) &&
        sharedPart(area, other.object.area) > SAME_SHARE,
    );
    if (same === undefined) continue;
    known.set(area, same.object.area);
    found.set(area, same.object);
  }
  return found;
}

/** About what share of all that two areas cover both cover; 0 where their sizes alone say that it is too little. */
export function sharedPart(one: Area, other: Area): number {
  const [size, otherSize] = [areaSize(one), areaSize(other)];
  if (Math.min(size, otherSize) <= SAME_SHARE * Math.max(size, otherSize)) return 0;
  const bounds = boundsOf({ type: "MultiPolygon", coordinates: [...one.coordinates, ...other.coordinates] });
  if (bounds === null) return 0;
  const { left, top, right, bottom } = bounds;
  const [contains, otherContains] = [one, other].map(insideOf);
  let [both, either] = [0, 0];
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const x = left + ((column + 0.5) / GRID) * (right - left);
      const y = top + ((row + 0.5) / GRID) * (bottom - top);
      const [isIn, isInOther] = [contains?.(x, y) === true, otherContains?.(x, y) === true];
      if (isIn && isInOther) both += 1;
      if (isIn || isInOther) either += 1;
    }
  }
  return either === 0 ? 0 : both / either;
}

function insideOf(area: Area): (x: number, y: number) => boolean {
  const polygons = polygonsOf(area);
  return (x, y) =>
    polygons.some(
      ({ outer, holes }) => ringContains(outer, x, y) && !holes.some((hole) => ringContains(hole, x, y)),
    );
}
