import { EpSamError } from "../../common/index.js";
import type { AnnotationObject, Area } from "../../contract/index.js";
import {
  type Level0Polygon,
  type Level0Ring,
  polygonArea,
  polygonsOf,
  positionsOf,
  signedArea,
} from "../../geometry/index.js";

/** Square level-0 pixels below which an outline has collapsed. */
const LEAST_AREA = 1e-6;

/** The area of those polygons that have any; null when none has. */
export function areaOf(polygons: readonly Level0Polygon[]): Area | null {
  const coordinates = polygons
    .map(({ outer, holes }) => ({ outer, holes: holes.filter(hasArea) }))
    .filter((polygon) => polygonArea(polygon) >= LEAST_AREA)
    .map(({ outer, holes }) => [outer, ...holes].map(positionsOf));
  return coordinates.length === 0 ? null : { type: "MultiPolygon", coordinates };
}

function hasArea(ring: Level0Ring): boolean {
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
  for (const polygon of polygonsOf(object.area)) {
    if (polygonArea(polygon) >= LEAST_AREA && polygon.holes.every(hasArea)) continue;
    throw new EpSamError("annotation", {
      where: object.name === "" ? (object.classification ?? "an annotation") : object.name,
      what: "has an outline without area",
      why: "nothing of it could be seen, or learnt from",
      action: "Draw it larger, or remove it.",
    });
  }
}
