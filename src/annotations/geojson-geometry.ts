import {
  distinctRing,
  enclosesArea,
  type Level0Line,
  type Level0Polygon,
  type Level0Ring,
  pixelsAround,
  ringOf,
} from "../geometry/index.js";
import type { Level0Point } from "../slides/index.js";
import { annotationError, type VertexBudget } from "./errors.js";
import {
  isCoordinate,
  type JsonPlace,
  member,
  requireArray,
  requireObject,
  requirePosition,
} from "./json-values.js";
import type { Remarks } from "./remarks.js";
import { isMeasurement } from "./roles.js";
import type { LeftOutPart, LineRule } from "./types.js";

/** Geometry collections may hold collections; deeper than this is no drawing. */
const MAXIMUM_DEPTH = 8;

interface Geometry {
  readonly polygons: readonly Level0Polygon[];
  readonly points: readonly Level0Point[];
  readonly lines: readonly Level0Line[];
  readonly leftOut: readonly LeftOutPart[];
}

const NOTHING: Geometry = { polygons: [], points: [], lines: [], leftOut: [] };

/** What reading the geometry of one feature needs beside the value at hand. */
interface GeometryReading {
  readonly budget: VertexBudget;
  readonly remarks: Remarks;
  readonly lines: LineRule;
  /** The feature's: lines of measurements are not told of. */
  readonly group: string | null;
}

/** Reads the geometry of a feature: see `parseGeoJson`. @throws EpSamError `annotation` naming the member */
export function readGeometry(
  place: JsonPlace,
  value: unknown,
  reading: GeometryReading,
  depth = 0,
): Geometry {
  if (value === null) return leftOut(place, "an empty geometry", [], reading);
  const geometry = requireObject(place, value);
  const inside = member(place, "coordinates");
  switch (geometry.type) {
    case "Polygon":
      return readPolygon(inside, geometry.coordinates, reading);
    case "MultiPolygon":
      return joined(place, reading, requireArray(inside, geometry.coordinates), (polygon, index) =>
        readPolygon(member(inside, index), polygon, reading),
      );
    case "Point":
      return isEmpty(geometry.coordinates)
        ? leftOut(place, "an empty geometry", [], reading)
        : { ...NOTHING, points: [readPoint(inside, geometry.coordinates, reading)] };
    case "MultiPoint":
      return joined(place, reading, requireArray(inside, geometry.coordinates), (point, index) => ({
        ...NOTHING,
        points: [readPoint(member(inside, index), point, reading)],
      }));
    case "MultiLineString":
      return readLines(place, Array.isArray(geometry.coordinates) ? geometry.coordinates : [], reading);
    case "LineString":
      return readLines(place, [geometry.coordinates], reading);
    case "GeometryCollection":
      return readCollection(member(place, "geometries"), geometry.geometries, reading, depth);
    default: {
      const type = JSON.stringify(geometry.type)?.slice(0, 60) ?? "missing";
      throw annotationError(place.path, `has a geometry of the type ${type}`, { place: place.at });
    }
  }
}

function readCollection(place: JsonPlace, value: unknown, reading: GeometryReading, depth: number): Geometry {
  if (depth === MAXIMUM_DEPTH) {
    const what = `nests more than ${MAXIMUM_DEPTH} geometry collections`;
    throw annotationError(place.path, what, { place: place.at });
  }
  return joined(place, reading, requireArray(place, value), (part, index) =>
    readGeometry(member(place, index), part, reading, depth + 1),
  );
}

/** Parts as one geometry; without any it is empty (RFC 7946, 3.1). */
function joined(
  place: JsonPlace,
  reading: GeometryReading,
  values: readonly unknown[],
  read: (value: unknown, index: number) => Geometry,
): Geometry {
  if (values.length === 0) return leftOut(place, "an empty geometry", [], reading);
  const parts = values.map(read);
  return {
    polygons: parts.flatMap(({ polygons }) => polygons),
    points: parts.flatMap(({ points }) => points),
    lines: parts.flatMap(({ lines }) => lines),
    leftOut: parts.flatMap((part) => part.leftOut),
  };
}

/** Lines have no area: they are kept for those who ask for them, and measurements are nothing to be told of. */
function readLines(place: JsonPlace, values: readonly unknown[], reading: GeometryReading): Geometry {
  const lines = values.map(positionsIn);
  if (reading.lines === "kept" && lines.every(({ length }) => length >= 4)) {
    for (const { length } of lines) reading.budget.spend(length / 2);
    return { ...NOTHING, lines: lines.map(ringOf) };
  }
  if (reading.lines === "left-out" && isMeasurement(reading.group)) {
    return { ...NOTHING, leftOut: [{ what: "a measurement", extent: pixelsAround(lines.flat()) }] };
  }
  return leftOut(place, "a line", lines.flat(), reading);
}

/** A geometry that cannot become area. */
function leftOut(
  { at }: JsonPlace,
  what: string,
  positions: readonly number[],
  { remarks }: GeometryReading,
): Geometry {
  remarks.add(at, `${what} has no area; it is left out`);
  return { ...NOTHING, leftOut: [{ what, extent: pixelsAround(positions) }] };
}

/** The positions of a line, x and y in turn, as far as they are any: what has no area may be malformed. */
function positionsIn(line: unknown): number[] {
  return (Array.isArray(line) ? line : []).flatMap((position) => {
    const [x, y] = Array.isArray(position) ? position : [];
    return isCoordinate(x) && isCoordinate(y) ? [x, y] : [];
  });
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function readPolygon(place: JsonPlace, value: unknown, reading: GeometryReading): Geometry {
  const rings = requireArray(place, value);
  const [first] = rings;
  if (first === undefined || isEmpty(first)) return leftOut(place, "an empty geometry", [], reading);
  const [outer, ...holes] = rings.flatMap((ring, index) => {
    if (!isEmpty(ring)) return [readRing(member(place, index), ring, reading)];
    reading.remarks.add(member(place, index).at, "an empty hole is left out");
    return [];
  });
  if (outer === undefined || !enclosesArea(outer)) {
    return leftOut(place, "an outline", [...(outer?.coordinates ?? [])], reading);
  }
  return { ...NOTHING, polygons: [{ outer, holes }] };
}

function readRing(place: JsonPlace, value: unknown, { budget }: GeometryReading): Level0Ring {
  const positions = requireArray(place, value);
  budget.spend(positions.length);
  const coordinates: number[] = [];
  for (const [index, position] of positions.entries()) {
    const [x, y] = requirePosition({ path: place.path, at: `${place.at}[${index}]` }, position);
    coordinates.push(x, y);
  }
  checkRing(place, coordinates);
  // A ring that has collapsed to a line is valid and has no area.
  return distinctRing(coordinates) ?? { space: "level-0", coordinates: Float64Array.from(coordinates) };
}

/** A linear ring has four or more positions, the last equal to the first (RFC 7946, 3.1.6). */
function checkRing({ path, at }: JsonPlace, coordinates: readonly number[]): void {
  const count = coordinates.length / 2;
  if (count < 4) {
    const why = "a closed ring has at least four, the last equal to the first";
    throw annotationError(path, `has a ring of ${count} positions`, { place: at, why });
  }
  if (coordinates[0] === coordinates.at(-2) && coordinates[1] === coordinates.at(-1)) return;
  const action = "Repeat the first position at the end of the ring.";
  throw annotationError(path, "has a ring that is not closed", { place: at, action });
}

function readPoint(place: JsonPlace, value: unknown, { budget }: GeometryReading): Level0Point {
  budget.spend(1);
  const [x, y] = requirePosition(place, value);
  return { space: "level-0", x, y };
}
