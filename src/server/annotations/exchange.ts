import { randomUUID } from "node:crypto";
import {
  type Annotation,
  type AnnotationGroup,
  type AnnotationSet,
  areaOf,
  formatAsapXml,
  formatGeoJson,
} from "../../annotations/index.js";
import { Slices } from "../../common/index.js";
import {
  type AnnotationChange,
  type AnnotationObject,
  type Area,
  editLimits,
  type ReviewState,
} from "../../contract/index.js";
import { polygonsOf } from "../../geometry/index.js";

/** Names of what exported GeoJSON says of an object beyond the format's own members. */
const REVIEW_KEY = "Review";
const ORIGIN_KEY = "Origin";
/** QuPath's own colour for that classification. */
const TUMOUR: AnnotationGroup = { name: "Tumor", colour: [200, 0, 0], parent: null };
/** Exported coordinates have two digits; outlines nearer than that are the same. */
const TOLERANCE = 0.01;
const UUID = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

export type ExportFormat = "geojson" | "asap-xml";

/**
 * Objects as a file: GeoJSON for QuPath with ids, names, classes, and in the metadata their review state and origin;
 * or ASAP XML with names and groups. Rejected objects are left out.
 * @param origin level-0 position where the coordinates of GeoJSON begin, on slides with bounds
 */
export function formatObjects(
  objects: readonly AnnotationObject[],
  format: ExportFormat,
  origin?: { readonly x: number; readonly y: number } | undefined,
): string {
  const kept = objects.filter(({ review }) => review !== "rejected").map(annotationFrom);
  return format === "geojson" ? formatGeoJson(kept, [TUMOUR], { origin }) : formatAsapXml(kept, [TUMOUR]);
}

function annotationFrom({ id, name, classification, review, origin, area }: AnnotationObject): Annotation {
  return {
    id,
    name,
    group: classification,
    colour: null,
    polygons: polygonsOf(area),
    points: [],
    measurements: {},
    metadata: { [REVIEW_KEY]: review, [ORIGIN_KEY]: origin },
  };
}

/** What bringing a file in would change. */
export interface ImportPlan {
  readonly changes: readonly AnnotationChange[];
  readonly added: number;
  readonly warnings: readonly string[];
}

/**
 * The annotations of a file as changes. What has area becomes an object; one with the id of an object that is there
 * takes its place, or is left out when it says the same. What the file does not call unreviewed or rejected counts
 * as accepted: somebody has drawn it or let it pass.
 */
export async function planImport(
  set: AnnotationSet,
  present: readonly AnnotationObject[],
): Promise<ImportPlan> {
  const known = new Map(present.map((object) => [object.id, object]));
  const used = new Set<string>();
  const changes: AnnotationChange[] = [];
  const counts = { added: 0, updated: 0, same: 0, withoutArea: 0 };
  const slices = new Slices();
  for (const annotation of set.annotations) {
    await slices.next();
    const area = areaOf(annotation.polygons);
    if (area === null) {
      // What the reading has left out is told already.
      if ((annotation.leftOut ?? []).length === 0) counts.withoutArea += 1;
      continue;
    }
    const id = idFor(annotation, used);
    const before = known.get(id);
    const object = objectFrom(annotation, id, area, before);
    used.add(id);
    if (before === undefined) {
      counts.added += 1;
      changes.push({ type: "add", object });
    } else if (saysTheSame(before, object)) counts.same += 1;
    else {
      counts.updated += 1;
      changes.push({ type: "update", object });
    }
  }
  return { changes, added: counts.added, warnings: [...set.warnings, ...warningsOf(counts)] };
}

function warningsOf({ updated, same, withoutArea }: Record<"updated" | "same" | "withoutArea", number>) {
  return [
    ...(updated === 0 ? [] : [`${updated} took the place of annotations with the same id`]),
    ...(same === 0 ? [] : [`${same} were there already`]),
    ...(withoutArea === 0 ? [] : [`${withoutArea} have no area (dots, lines) and are left out`]),
  ];
}

/** The file's id, unless it is no UUID or occurred before: a new one then. */
function idFor({ id }: Annotation, used: ReadonlySet<string>): string {
  const given = id?.toLowerCase();
  return given !== undefined && UUID.test(given) && !used.has(given) ? given : randomUUID();
}

function objectFrom(
  { name, group, metadata }: Annotation,
  id: string,
  area: Area,
  before: AnnotationObject | undefined,
): AnnotationObject {
  const classification = group === null ? "" : shortText(group);
  return {
    id,
    name: shortText(name),
    classification: classification.trim() === "" ? null : classification,
    review: reviewOf(metadata?.[REVIEW_KEY]) ?? before?.review ?? "accepted",
    origin: before?.origin ?? "imported",
    area,
  };
}

function shortText(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").slice(0, editLimits.text);
}

function reviewOf(text: string | undefined): ReviewState | null {
  return text === "unreviewed" || text === "accepted" || text === "rejected" ? text : null;
}

function saysTheSame(one: AnnotationObject, other: AnnotationObject): boolean {
  const isAlike =
    one.name === other.name && one.classification === other.classification && one.review === other.review;
  return isAlike && haveSameOutlines(one.area, other.area);
}

function haveSameOutlines(one: Area, other: Area): boolean {
  const [first, second] = [one.coordinates.flat(), other.coordinates.flat()];
  return (
    one.coordinates.length === other.coordinates.length &&
    first.length === second.length &&
    first.every((ring, index) => isSameRing(ring, second[index] ?? []))
  );
}

function isSameRing(
  one: readonly (readonly [number, number])[],
  other: readonly (readonly [number, number])[],
): boolean {
  return (
    one.length === other.length &&
    one.every(([x, y], index) => {
      const [otherX, otherY] = other[index] ?? [Number.NaN, Number.NaN];
      return Math.abs(x - otherX) < TOLERANCE && Math.abs(y - otherY) < TOLERANCE;
    })
  );
}

/** The outlines of a run's results as changes: new objects to be judged; those that are there already stay. */
export async function planResults(
  set: AnnotationSet,
  present: readonly AnnotationObject[],
): Promise<ImportPlan> {
  const known = new Set(present.map(({ id }) => id));
  const plan = await planImport({ ...set, annotations: set.annotations.filter(hasNewId) }, present);
  const changes = plan.changes.map((change): AnnotationChange => {
    if (change.type === "remove") return change;
    return { type: "add", object: { ...change.object, review: "unreviewed", origin: "result" } };
  });
  return { ...plan, changes };

  function hasNewId({ id }: Annotation): boolean {
    return id === null || !known.has(id.toLowerCase());
  }
}
