import { distinctRing, enclosesArea, pixelsAround } from "../geometry/index.js";
import { annotationError, VertexBudget } from "./errors.js";
import {
  type JsonObject,
  type JsonPlace,
  member,
  requireArray,
  requireObject,
  requirePosition,
} from "./json-values.js";
import { Remarks } from "./remarks.js";
import type { Annotation, AnnotationSet } from "./types.js";

/** The group given to each list of the file. */
const LISTS = [
  { key: "positive", group: "Tumor" },
  { key: "negative", group: "Exclusion" },
] as const;

/** True for what {@link parseCamelyonJson} reads. */
export function looksLikeCamelyonJson(content: JsonObject): boolean {
  return LISTS.some(({ key }) => key in content) && !("type" in content);
}

/**
 * Reads Camelyon16 outlines in JSON: the lists `positive` (group `Tumor` here) and `negative` (group `Exclusion`),
 * each of `{name, vertices: [[x, y], …]}` in level-0 pixels; rings close by themselves.
 * @throws EpSamError `annotation` naming the member at fault
 */
export function parseCamelyonJson(path: string, content: JsonObject): AnnotationSet {
  const budget = new VertexBudget(path);
  const remarks = new Remarks();
  const annotations = LISTS.flatMap(({ key, group }) => {
    const place = member({ path, at: "" }, key);
    return requireArray(place, content[key] ?? []).map((entry, index) =>
      readOutline(member(place, index), entry, group, budget, remarks),
    );
  });
  const groups = LISTS.map(({ group }) => ({ name: group, colour: null, parent: null }));
  return { path, format: "camelyon16-json", annotations, groups, origin: "slide", warnings: remarks.texts() };
}

function readOutline(
  place: JsonPlace,
  value: unknown,
  group: string,
  budget: VertexBudget,
  remarks: Remarks,
): Annotation {
  const outline = requireObject(place, value);
  const { name = "" } = outline;
  if (typeof name !== "string") {
    throw annotationError(place.path, "has a name that is no text", { place: place.at });
  }
  const inside = member(place, "vertices");
  const vertices = requireArray(inside, outline.vertices);
  budget.spend(vertices.length);
  const positions = vertices.flatMap((vertex, index) => requirePosition(member(inside, index), vertex));
  const ring = distinctRing(positions);
  const base = { id: null, name, group, colour: null, points: [], measurements: {} };
  if (ring !== null && enclosesArea(ring)) return { ...base, polygons: [{ outer: ring, holes: [] }] };
  const lack = ring === null ? "fewer than three points" : "no area";
  remarks.add(place.at, `the outline "${name}" has ${lack}; it is left out`, lack);
  const leftOut = [{ what: `an outline of ${lack}`, extent: pixelsAround(positions) }];
  return { ...base, polygons: [], leftOut };
}
