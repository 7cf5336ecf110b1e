import { randomUUID } from "node:crypto";
import {
  type Annotation,
  type AnnotationGroup,
  type AnnotationSet,
  areaOf,
  asapXmlPieces,
  contentUuid,
  geoJsonPieces,
  isMeasurement,
  ORIGIN_KEY,
  shapesOf,
} from "../../annotations/index.js";
import { Slices } from "../../common/index.js";
import {
  type AnnotationChange,
  type AnnotationObject,
  type Area,
  editLimits,
  type Mark,
  type Position,
  type ReviewState,
} from "../../contract/index.js";
import { areaSize, lengthOf, type PixelSize, perimeterOf, positionsOf } from "../../geometry/index.js";
import { shortText } from "./short-text.js";

/** Names of what exported GeoJSON says of an object beyond the format's own members. */
const REVIEW_KEY = "Review";
const AUTHOR_KEY = "Author";
/** Where QuPath keeps the description of an annotation. */
const COMMENT_KEY = "ANNOTATION_DESCRIPTION";
/** QuPath's own colour for that classification. */
const TUMOUR: AnnotationGroup = { name: "Tumor", colour: [200, 0, 0], parent: null };
/** Exported coordinates have two digits; outlines nearer than that are the same. */
const TOLERANCE = 0.01;
const UUID = /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;

export type DownloadFormat = "geojson" | "asap-xml";

/** What of a slide decides about an exported file. */
export interface ExportPlace {
  /** Level-0 position where the coordinates of GeoJSON begin, on slides with bounds. */
  readonly origin?: { readonly x: number; readonly y: number } | undefined;
  /** Null where the slide does not tell: measurements are in pixels then. */
  readonly micronsPerPixel: PixelSize | null;
  /** Colours of classes, where somebody has chosen them. */
  readonly groups?: readonly AnnotationGroup[] | undefined;
}

/**
 * Objects as a file, piece by piece: GeoJSON for QuPath with ids, names, classes, figures of measurements, and in the metadata comment,
 * review state, origin and author; or ASAP XML with names and groups. Rejected objects are left out.
 */
export function objectPieces(
  objects: readonly AnnotationObject[],
  format: DownloadFormat,
  { origin, micronsPerPixel, groups = [] }: ExportPlace,
): Iterator<string> {
  const kept = objects.filter(({ review }) => review !== "rejected");
  const used = groups.filter(({ name }) => kept.some(({ classification }) => classification === name));
  const all = [...(used.some(({ name }) => name === TUMOUR.name) ? [] : [TUMOUR]), ...used];
  const annotations = annotationsFrom(kept, micronsPerPixel);
  return format === "geojson"
    ? geoJsonPieces(annotations, all, { origin })
    : asapXmlPieces([...annotations], all);
}

function* annotationsFrom(
  objects: readonly AnnotationObject[],
  micronsPerPixel: PixelSize | null,
): Generator<Annotation, void, undefined> {
  for (const object of objects) yield annotationFrom(object, micronsPerPixel);
}

function annotationFrom(object: AnnotationObject, micronsPerPixel: PixelSize | null): Annotation {
  const { id, name, classification, review, origin, comment, author } = object;
  return {
    id,
    name,
    group: classification,
    colour: null,
    ...shapesOf(object),
    measurements: isMeasurement(classification) ? measurementsOf(object, micronsPerPixel) : {},
    metadata: {
      [REVIEW_KEY]: review,
      [ORIGIN_KEY]: origin,
      ...(comment === undefined ? {} : { [COMMENT_KEY]: comment }),
      ...(author === undefined ? {} : { [AUTHOR_KEY]: author }),
    },
  };
}

/** Named as QuPath names them. */
function measurementsOf(
  { area, mark }: AnnotationObject,
  micronsPerPixel: PixelSize | null,
): Record<string, number> {
  const [{ x, y }, unit] = micronsPerPixel === null ? [{ x: 1, y: 1 }, "px"] : [micronsPerPixel, "µm"];
  if (mark?.type === "MultiPoint") return {};
  if (mark !== undefined) return { [`Length ${unit}`]: lengthOf(mark.coordinates, { x, y }) };
  return { [`Area ${unit}^2`]: areaSize(area) * x * y, [`Perimeter ${unit}`]: perimeterOf(area, { x, y }) };
}

/** What bringing a file in would change. */
export interface ImportPlan {
  readonly changes: readonly AnnotationChange[];
  readonly added: number;
  readonly warnings: readonly string[];
}

/**
 * The annotations of a file as changes. Its area, each of its lines, and its points become an object; one with the id of
 * an object that is there takes its place, or is left out when it says the same. What the file does not call unreviewed
 * or rejected counts as accepted: somebody has drawn it or let it pass.
 * @param author who brings it in, for what the file names nobody for
 */
export async function planImport(
  set: AnnotationSet,
  present: readonly AnnotationObject[],
  author?: string | undefined,
): Promise<ImportPlan> {
  const known = new Map(present.map((object) => [object.id, object]));
  const used = new Set<string>();
  const changes: AnnotationChange[] = [];
  const counts = { added: 0, updated: 0, same: 0, nothing: 0, cut: 0 };
  const slices = new Slices();
  for (const annotation of set.annotations) {
    await slices.next();
    const shapes = objectShapes(annotation);
    // What the reading has left out is told already.
    if (shapes.length === 0 && (annotation.leftOut ?? []).length === 0) counts.nothing += 1;
    if ((annotation.metadata?.[COMMENT_KEY]?.length ?? 0) > editLimits.comment) counts.cut += 1;
    for (const [index, shape] of shapes.entries()) {
      const id = idFor(annotation, index, used);
      const before = known.get(id);
      const object = objectFrom(annotation, { id, shape, before, author });
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
  }
  return { changes, added: counts.added, warnings: [...set.warnings, ...warningsOf(counts)] };
}

function warningsOf({ updated, same, nothing, cut }: Record<"updated" | "same" | "nothing" | "cut", number>) {
  const longest = `comments are longer than ${editLimits.comment} characters and were cut there`;
  return [
    ...(updated === 0 ? [] : [`${updated} took the place of annotations with the same id`]),
    ...(same === 0 ? [] : [`${same} were there already`]),
    ...(nothing === 0 ? [] : [`${nothing} have neither area nor length and are left out`]),
    ...(cut === 0 ? [] : [`${cut} ${longest}`]),
  ];
}

type ObjectShape = Pick<AnnotationObject, "area" | "mark">;

/** What an annotation holds, an object for each: its area, each line with a length, and its points. */
function objectShapes({ polygons, lines = [], points }: Annotation): ObjectShape[] {
  const area = areaOf(polygons);
  const none: Area = { type: "MultiPolygon", coordinates: [] };
  const marks: Mark[] = lines
    .map((line): Mark => ({ type: "LineString", coordinates: positionsOf(line).slice(0, -1) }))
    .filter(({ coordinates }) => lengthOf(coordinates, { x: 1, y: 1 }) > 0);
  const dots = points.map(({ x, y }): Position => [x, y]);
  if (dots.length > 0) marks.push({ type: "MultiPoint", coordinates: dots });
  return [...(area === null ? [] : [{ area }]), ...marks.map((mark) => ({ area: none, mark }))];
}

/**
 * The file's id, unless it is no UUID or occurred before: a new one then. Further parts have an id of their own, which
 * is the same when the file is brought in again.
 */
function idFor({ id }: Annotation, index: number, used: ReadonlySet<string>): string {
  const given = id?.toLowerCase();
  if (given === undefined || !UUID.test(given)) return randomUUID();
  const own = index === 0 ? given : contentUuid(`${given} ${index}`);
  return used.has(own) ? randomUUID() : own;
}

function objectFrom(
  { name, group, metadata = {} }: Annotation,
  {
    id,
    shape,
    before,
    author,
  }: {
    readonly id: string;
    readonly shape: ObjectShape;
    readonly before: AnnotationObject | undefined;
    readonly author: string | undefined;
  },
): AnnotationObject {
  const classification = group === null ? "" : shortText(group);
  const review = reviewOf(metadata[REVIEW_KEY]);
  // A program that kept our review state has kept our comment too, and its author, or somebody has taken them away.
  const other = review === null ? before : undefined;
  const comment = commentText(metadata[COMMENT_KEY] ?? "") ?? other?.comment;
  const by = shortText(metadata[AUTHOR_KEY] ?? "").trim();
  const drawnBy = by === "" ? (other?.author ?? author) : by;
  return {
    id,
    name: shortText(name),
    classification: classification.trim() === "" ? null : classification,
    review: review ?? before?.review ?? "accepted",
    origin: before?.origin ?? "imported",
    ...shape,
    ...(comment === undefined ? {} : { comment }),
    ...(drawnBy === undefined ? {} : { author: drawnBy }),
  };
}

function commentText(text: string): string | undefined {
  const lines = text.replace(/\r\n?/g, "\n").replace(/[^\P{Cc}\n]/gu, " ");
  const short = lines.slice(0, editLimits.comment);
  return short.trim() === "" ? undefined : short;
}

function reviewOf(text: string | undefined): ReviewState | null {
  return text === "unreviewed" || text === "accepted" || text === "rejected" ? text : null;
}

function saysTheSame(one: AnnotationObject, other: AnnotationObject): boolean {
  const isAlike =
    one.name === other.name &&
    one.classification === other.classification &&
    one.review === other.review &&
    one.comment === other.comment;
  return isAlike && haveSameOutlines(one.area, other.area) && isSameMark(one.mark, other.mark);
}

function isSameMark(one: Mark | undefined, other: Mark | undefined): boolean {
  return one?.type === other?.type && isSameLine(one?.coordinates ?? [], other?.coordinates ?? []);
}

function haveSameOutlines(one: Area, other: Area): boolean {
  const [first, second] = [one.coordinates.flat(), other.coordinates.flat()];
  return (
    one.coordinates.length === other.coordinates.length &&
    first.length === second.length &&
    first.every((ring, index) => isSameLine(ring, second[index] ?? []))
  );
}

function isSameLine(
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

/**
 * The outlines of a run's results as changes: new objects to be judged; those that are there already stay, whether they came
 * from there or were made of the map and outline the same.
 */
export async function planResults(
  set: AnnotationSet,
  present: readonly AnnotationObject[],
  author?: string | undefined,
): Promise<ImportPlan> {
  const known = new Set(present.map(({ id }) => id));
  const outlined = new Set(
    present.filter(({ mark }) => mark === undefined).map(({ area }) => outlineKey(area)),
  );
  const plan = await planImport({ ...set, annotations: set.annotations.filter(hasNewId) }, present, author);
  const added = plan.changes.flatMap((change) => (change.type === "remove" ? [] : [change.object]));
  const fresh = added.filter(({ area }) => !outlined.has(outlineKey(area)));
  const changes = fresh.map((object): AnnotationChange => {
    return { type: "add", object: { ...object, review: "unreviewed", origin: "result" } };
  });
  const same = added.length - fresh.length;
  const told =
    same === 0 ? [] : [`${same} ${same === 1 ? "has" : "have"} the outline of an annotation that is there`];
  return { changes, added: fresh.length, warnings: [...plan.warnings, ...told] };

  function hasNewId({ id }: Annotation): boolean {
    return id === null || !known.has(id.toLowerCase());
  }
}

/** The same for outlines that are the same. */
function outlineKey({ coordinates }: Area): string {
  return coordinates
    .flat(3)
    .map((value) => Math.round(value / TOLERANCE))
    .join();
}
