import { EpSamError } from "../../common/index.js";
import type { AnnotationObject, Area, Position } from "../../contract/index.js";
import { polygonArea, ringOf, signedArea } from "../geometry.js";
import type { Level0Polygon } from "../types.js";

/** Square level-0 pixels below which an outline has collapsed. */
const LEAST_AREA = 1e-6;

/** The polygons of an area; rings lose the repeated last position. */
export function polygonsOf({ coordinates }: Area): Level0Polygon[] {
  return coordinates.flatMap(([outer, ...holes]) =>
    outer === undefined ? [] : [{ outer: ringFrom(outer), holes: holes.map(ringFrom) }],
  );
}

function ringFrom(positions: readonly Position[]) {
  return ringOf(positions.slice(0, -1).flat());
}

/** The area of those polygons that have any; null when none has. */
export function areaOf(polygons: readonly Level0Polygon[]): Area | null {
  const coordinates = polygons
    .map(({ outer, holes }) => ({ outer, holes: holes.filter(hasArea) }))
    .filter((polygon) => polygonArea(polygon) >= LEAST_AREA)
    .map(({ outer, holes }) => [outer, ...holes].map(positionsOf));
  return coordinates.length === 0 ? null : { type: "MultiPolygon", coordinates };
}

function positionsOf({ coordinates }: Level0Polygon["outer"]): Position[] {
  const positions: Position[] = [];
  for (let at = 0; at <= coordinates.length; at += 2) {
    const from = at % coordinates.length;
    positions.push([coordinates[from] ?? 0, coordinates[from + 1] ?? 0]);
  }
  return positions;
}

function hasArea(ring: Level0Polygon["outer"]): boolean {
  return Math.abs(signedArea(ring)) >= LEAST_AREA;
}

/** Vertices of an object, the repeated ones too: what it costs to keep. */
export function vertexCount({ area }: AnnotationObject): number {
  return area.coordinates.reduce(
    (sum, polygon) => sum + polygon.reduce((count, ring) => count + ring.length, 0),
    0,
  );
}

/**
 * An object must have area: every outline by itself, and each polygon less its holes.
 * @throws EpSamError `annotation` naming the object
 */
export function requireArea(object: AnnotationObject): void {
  for (const { outer, holes } of polygonsOf(object.area)) {
    const left = holes.reduce((area, hole) => area - Math.abs(signedArea(hole)), Math.abs(signedArea(outer)));
    if (left >= LEAST_AREA && holes.every(hasArea)) continue;
    throw new EpSamError("annotation", {
      where: object.name === "" ? (object.classification ?? "an annotation") : object.name,
      what: "has an outline without area",
      why: "nothing of it could be seen, or learnt from",
      action: "Draw it larger, or remove it.",
    });
  }
}
