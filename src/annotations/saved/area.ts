import { EpSamError } from "../../common/index.js";
import type { AnnotationObject, Area } from "../../contract/index.js";
import {
  type Level0Polygon,
  type Level0Ring,
  lengthOf,
  polygonArea,
  polygonsOf,
  positionsOf,
  ringOf,
  signedArea,
} from "../../geometry/index.js";
import type { Annotation } from "../types.js";

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

/** An object's area, lines and points, as annotations have them. */
export function shapesOf({
  area,
  mark,
}: Pick<AnnotationObject, "area" | "mark">): Pick<Annotation, "polygons" | "points" | "lines"> {
  const polygons = polygonsOf(area);
  if (mark === undefined) return { polygons, points: [] };
  if (mark.type === "LineString") return { polygons, points: [], lines: [ringOf(mark.coordinates.flat())] };
  return { polygons, points: mark.coordinates.map(([x, y]) => ({ space: "level-0", x, y })) };
}

/** Vertices of an object, the repeated ones too: what it costs to keep. */
export function vertexCount({ area, mark }: AnnotationObject): number {
  return area.coordinates.reduce(
    (sum, polygon) => sum + polygon.reduce((count, ring) => count + ring.length, 0),
    mark?.coordinates.length ?? 0,
  );
}

/**
 * An object must have area: every outline by itself, and each polygon less its holes; or length, when it is a line.
 * @throws EpSamError `annotation` naming the object
 */
export function requireExtent(object: AnnotationObject): void {
  const isLarge = polygonsOf(object.area).every(
    (polygon) => polygonArea(polygon) >= LEAST_AREA && polygon.holes.every(hasArea),
  );
  if (!isLarge) throw withoutExtent(object, "has an outline without area");
  const { mark } = object;
  if (mark?.type !== "LineString" || lengthOf(mark.coordinates, { x: 1, y: 1 }) > 0) return;
  throw withoutExtent(object, "has a line without length");
}

function withoutExtent({ name, classification }: AnnotationObject, what: string): EpSamError {
  return new EpSamError("annotation", {
    where: name === "" ? (classification ?? "an annotation") : name,
    what,
    why: "nothing of it could be seen, or learnt from",
    action: "Draw it larger, or remove it.",
  });
}
