import { isRecord } from "../common/index.js";
import type { Colour } from "../imaging/index.js";
import { annotationError, VertexBudget } from "./errors.js";
import { readGeometry } from "./geojson-geometry.js";
import {
  type JsonObject,
  type JsonPlace,
  member,
  requireArray,
  requireObject,
  wrongType,
} from "./json-values.js";
import { Remarks } from "./remarks.js";
import type { Annotation, AnnotationGroup, AnnotationSet, CoordinateOrigin, LineRule } from "./types.js";

/** The member of a FeatureCollection that tells where its coordinates begin; RFC 7946, 6.1, allows such. */
export const ORIGIN_MEMBER = "coordinateOrigin";
/** What reading one file needs beside the value at hand. */
interface Reading {
  readonly budget: VertexBudget;
  readonly remarks: Remarks;
  readonly groups: Map<string, AnnotationGroup>;
  readonly lines: LineRule;
}

/**
 * Reads GeoJSON (RFC 7946) as QuPath writes it: a FeatureCollection, an array of features or one feature; Polygon,
 * MultiPolygon, Point, MultiPoint and collections of them in pixels of the full resolution; classification (name
 * or names, colour), name, UUID, measurements, nested `childObjects`. Lines and empty geometries
 * have no area and are left out with a warning, measurements without one; `lines` can ask for lines.
 * @throws EpSamError `annotation` naming the member: a value of the wrong type, a ring that is not closed or has
 *   fewer than four positions, positions that are no numbers
 */
export function parseGeoJson(path: string, content: unknown, lines: LineRule = "left-out"): AnnotationSet {
  const reading = { budget: new VertexBudget(path), remarks: new Remarks(), groups: new Map(), lines };
  const { place, features } = featuresOf({ path, at: "" }, content);
  const annotations: Annotation[] = [];
  // A list of what is left to read instead of recursion: children may have children of any depth.
  const pending = features.map((value, index) => ({ place: member(place, index), value })).reverse();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const feature = requireObject(next.place, next.value);
    annotations.push(readFeature(next.place, feature, reading));
    pending.push(...childrenOf(next.place, feature).reverse());
  }
  const groups = [...reading.groups.values()];
  const origin = statedOrigin(content) ?? (features.some(isOfQuPath) ? "bounds" : null);
  return { path, format: "geojson", annotations, groups, origin, warnings: reading.remarks.texts() };
}

/** Where our own files say that their coordinates begin; QuPath's do not say it. */
function statedOrigin(content: unknown): CoordinateOrigin | null {
  const stated = isRecord(content) ? content[ORIGIN_MEMBER] : undefined;
  return stated === "slide" || stated === "bounds" ? stated : null;
}

/** Whether a feature has what QuPath alone writes: since 0.3 the type of the object, before that in its id. */
function isOfQuPath(feature: unknown): boolean {
  if (!isRecord(feature)) return false;
  const properties = isRecord(feature.properties) ? feature.properties : {};
  const isNamed = typeof feature.id === "string" && /^Path\w+Object$/.test(feature.id);
  return isNamed || ["objectType", "object_type", "isLocked"].some((key) => key in properties);
}

function featuresOf(place: JsonPlace, content: unknown): { place: JsonPlace; features: readonly unknown[] } {
  if (Array.isArray(content)) return { place, features: content };
  if (!isRecord(content))
    throw wrongType(place, "a FeatureCollection, an array of features or a feature", content);
  if (content.type === "FeatureCollection") {
    const inside = member(place, "features");
    return { place: inside, features: requireArray(inside, content.features) };
  }
  if (content.type === "Feature") return { place, features: [content] };
  const why = `its type is ${JSON.stringify(content.type) ?? "missing"}, not FeatureCollection or Feature`;
  const action = 'Export with "Export as FeatureCollection" in QuPath.';
  throw annotationError(place.path, "is not GeoJSON with features", { why, action });
}

function childrenOf(place: JsonPlace, feature: JsonObject): { place: JsonPlace; value: unknown }[] {
  const children = isRecord(feature.properties) ? feature.properties.childObjects : undefined;
  if (children === undefined) return [];
  const inside = member(member(place, "properties"), "childObjects");
  return requireArray(inside, children).map((value, index) => ({ place: member(inside, index), value }));
}

function readFeature(place: JsonPlace, feature: JsonObject, reading: Reading): Annotation {
  if (feature.type !== "Feature") {
    const why = `its type is ${JSON.stringify(feature.type) ?? "missing"}`;
    throw annotationError(place.path, "has something that is no feature", { place: place.at, why });
  }
  const inside = member(place, "properties");
  const properties = feature.properties == null ? {} : requireObject(inside, feature.properties);
  const group = readClassification(member(inside, "classification"), properties.classification, reading);
  const geometry = readGeometry(member(place, "geometry"), feature.geometry, { ...reading, group });
  const type = /^(?:cell|detection|tile|Path(?:Cell|Detection|Tile)Object)$/.exec(
    String(properties.objectType ?? properties.object_type ?? feature.id),
  )?.[0];
  if (type !== undefined && geometry.polygons.length > 0) {
    const told = `is a ${type} that QuPath found; it counts as an outline of its class`;
    reading.remarks.add(place.at, told, "found by a program");
  }
  return {
    id: typeof feature.id === "string" ? feature.id : null,
    name: typeof properties.name === "string" ? properties.name : "",
    group,
    colour: readColour(properties.color),
    ...geometry,
    measurements: readMeasurements(properties.measurements),
    metadata: readMetadata(properties.metadata),
  };
}

/** The name of a classification, as QuPath shows it: `Tumor`, or `Tumor: Positive` when derived. */
function readClassification(place: JsonPlace, value: unknown, { groups }: Reading): string | null {
  if (value == null) return null;
  const given = typeof value === "string" ? { name: value } : requireObject(place, value);
  const name = Array.isArray(given.names) ? given.names.join(": ") : given.name;
  if (typeof name !== "string") throw wrongType(member(place, "name"), "a text", name);
  if (name === "") return null;
  if (!groups.has(name)) {
    groups.set(name, { name, colour: readColour(given.color ?? given.colorRGB), parent: null });
  }
  return name;
}

/** [red, green, blue], or QuPath's older packed number. */
function readColour(value: unknown): Colour | null {
  if (typeof value === "number" && Number.isInteger(value)) {
    return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
  }
  if (!Array.isArray(value)) return null;
  const [red, green, blue] = value;
  return isByte(red) && isByte(green) && isByte(blue) ? [red, green, blue] : null;
}

function isByte(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255;
}

/** QuPath writes an object by name; before version 0.4 an array of name and value. */
function readMeasurements(value: unknown): Record<string, number> {
  const pairs = Array.isArray(value)
    ? value.filter(isRecord).map((entry) => [entry.name, entry.value] as const)
    : Object.entries(isRecord(value) ? value : {});
  const numbers = pairs.filter(
    (pair): pair is [string, number] => typeof pair[0] === "string" && typeof pair[1] === "number",
  );
  return Object.fromEntries(numbers);
}

function readMetadata(value: unknown): Record<string, string> {
  const texts = Object.entries(isRecord(value) ? value : {}).filter(
    (pair): pair is [string, string] => typeof pair[1] === "string",
  );
  return Object.fromEntries(texts);
}
