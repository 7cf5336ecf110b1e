import { hashBytes } from "../common/index.js";
import type { Level0Ring } from "../geometry/index.js";
import type { Colour } from "../imaging/index.js";
import { ORIGIN_MEMBER } from "./geojson.js";
import type { Annotation, AnnotationGroup, CoordinateOrigin } from "./types.js";

export interface FeatureOptions {
  /** Digits after the decimal point of coordinates. Default 2, a hundredth of a level-0 pixel. */
  readonly digits?: number | undefined;
  /**
   * Level-0 position that coordinates are counted from. Default: the corner of the slide. A file that is told to count
   * from there, where QuPath would count from the bounds, says so itself; QuPath does not read that.
   */
  readonly origin?: { readonly x: number; readonly y: number } | undefined;
}

/**
 * GeoJSON for QuPath (0.4 and later): a FeatureCollection of annotation objects with UUIDs, names, classifications
 * with colour, measurements; areas as Polygon or MultiPolygon with holes, lines as LineString, dots as
 * Point or MultiPoint, in level-0 pixels. Annotations without geometry are left out. An annotation without an id gets one that depends on its
 * content alone, so equal annotations give equal bytes.
 */
export function formatGeoJson(
  annotations: readonly Annotation[],
  groups: readonly AnnotationGroup[] = [],
  options: FeatureOptions = {},
): string {
  return [...geoJsonPieces(annotations, groups, options)].join("");
}

/** {@link formatGeoJson} piece by piece, an object each; annotations are asked for as they are written. */
export function* geoJsonPieces(
  annotations: Iterable<Annotation>,
  groups: readonly AnnotationGroup[] = [],
  options: FeatureOptions = {},
): Generator<string, void, undefined> {
  const colours = new Map(groups.map(({ name, colour }) => [name, colour]));
  const { digits = 2, origin = { x: 0, y: 0 } } = options;
  const factor = 10 ** digits;
  // Adding zero turns -0, which JSON cannot say, into 0.
  const round = (value: number): number => Math.round(value * factor) / factor + 0;
  const toPosition = (x: number, y: number): number[] => [round(x - origin.x), round(y - origin.y)];
  const isStated = options.origin?.x === 0 && options.origin.y === 0;
  const stated = isStated ? `"${ORIGIN_MEMBER}":"${"slide" satisfies CoordinateOrigin}",` : "";
  yield `{"type":"FeatureCollection",${stated}"features":[\n`;
  // One feature a line: people can look at it, and differences show.
  let before = "";
  for (const annotation of annotations) {
    for (const geometry of geometriesOf(annotation, toPosition)) {
      yield before + JSON.stringify(featureOf(annotation, geometry, colours));
      before = ",\n";
    }
  }
  yield "\n]}\n";
}

type ToPosition = (x: number, y: number) => number[];

function featureOf(annotation: Annotation, geometry: object, colours: ReadonlyMap<string, Colour | null>) {
  const { id, name, group, colour, measurements, metadata = {} } = annotation;
  const groupColour = group === null ? null : (colours.get(group) ?? null);
  const identity = id ?? contentUuid(JSON.stringify([name, group, geometry]));
  return {
    type: "Feature",
    id: identity,
    geometry,
    properties: {
      objectType: "annotation",
      ...(name === "" ? {} : { name }),
      ...(colour === null ? {} : { color: colour }),
      ...(group === null
        ? {}
        : { classification: { name: group, ...(groupColour === null ? {} : { color: groupColour }) } }),
      ...(Object.keys(measurements).length === 0 ? {} : { measurements }),
      ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
    },
  };
}

/** The area, the lines and the dots of an annotation are objects of their own in QuPath. */
function geometriesOf({ polygons, points, lines = [] }: Annotation, toPosition: ToPosition): object[] {
  const areas = polygons.map(({ outer, holes }) =>
    [outer, ...holes].map((ring) => positionsOf(ring, toPosition)),
  );
  const dots = points.map(({ x, y }) => toPosition(x, y));
  const drawn = lines.map(({ coordinates }) =>
    Array.from({ length: coordinates.length / 2 }, (_, index) =>
      toPosition(coordinates[2 * index] ?? 0, coordinates[2 * index + 1] ?? 0),
    ),
  );
  return [...geometry("Polygon", areas), ...geometry("LineString", drawn), ...geometry("Point", dots)];
}

function geometry(type: "Polygon" | "LineString" | "Point", parts: readonly unknown[]): object[] {
  if (parts.length === 0) return [];
  if (parts.length === 1) return [{ type, coordinates: parts[0] }];
  return [{ type: `Multi${type}`, coordinates: parts }];
}

/** Positions of a ring, the first again at the end as GeoJSON wants it. */
function positionsOf({ coordinates }: Level0Ring, toPosition: ToPosition): number[][] {
  const positions: number[][] = [];
  for (let at = 0; at <= coordinates.length; at += 2) {
    const from = at % coordinates.length;
    positions.push(toPosition(coordinates[from] ?? 0, coordinates[from + 1] ?? 0));
  }
  return positions;
}

/** A UUID of version 8 (RFC 9562), which leaves the content to us: the first bits of a SHA-256 of some text. */
export function contentUuid(content: string): string {
  const digits = hashBytes(content);
  const variant = ((Number.parseInt(digits.slice(16, 17), 16) & 3) | 8).toString(16);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join("-");
}
