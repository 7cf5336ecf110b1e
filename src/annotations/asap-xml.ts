import { SaxesParser } from "saxes";
import { MEASUREMENT_CLASS } from "../contract/index.js";
import { distinctRing, enclosesArea, pixelsAround, ringOf } from "../geometry/index.js";
import type { Colour } from "../imaging/index.js";
import type { Level0Point } from "../slides/index.js";
import { annotationError, MAXIMUM_COORDINATE, VertexBudget } from "./errors.js";
import { Remarks } from "./remarks.js";
import { isMeasurement } from "./roles.js";
import { type SplineRule, splineRing } from "./spline.js";
import type { Annotation, AnnotationGroup, AnnotationSet, LineRule } from "./types.js";

/** ASAP nests five elements; more than this is an attack or another format. */
const MAXIMUM_DEPTH = 32;
/** Characters given to the parser at a time, so that limits are noticed early. */
const CHUNK = 1 << 16;
const MAXIMUM_GROUPS = 10_000;

interface XmlOptions {
  xmlns: false;
  position: true;
}

/** As `ReadAnnotationsOptions` has them. */
interface AsapOptions {
  readonly splines?: SplineRule | undefined;
  readonly lines?: LineRule | undefined;
}

/** Types of annotations in ASAP, and what we make of them. */
const TYPES = new Map<string, "area" | "spline" | "points" | "none">([
  ["polygon", "area"],
  ["rectangle", "area"],
  ["spline", "spline"],
  ["dot", "points"],
  ["pointset", "points"],
  ["measurement", "none"],
]);

/**
 * Reads the XML that ASAP writes (computationalpathologygroup/ASAP): polygons, rectangles, splines, dots, point
 * sets and groups. Rings close by themselves there. Outlines of fewer than three points and measurements have no
 * area and are left out with a warning.
 * @throws EpSamError `annotation` naming file and line: not well-formed, a document type (where entities would
 *   be declared), another root element, unknown types, coordinates that are no numbers, groups within themselves
 */
export function parseAsapXml(path: string, text: string, options: AsapOptions): AnnotationSet {
  const reader = new AsapReader(path, options);
  const parser = new SaxesParser<XmlOptions>({ xmlns: false, position: true });
  const place = (): string => `line ${parser.line}`;
  parser.on("error", (failure) => {
    const why = failure.message.replace(/^\d+:\d+: /, "").replace(/\.$/, "");
    throw annotationError(path, "is not well-formed XML", { place: place(), why, cause: failure });
  });
  parser.on("doctype", () => {
    const why = "ASAP writes none, and entities in it can blow up a file of a few lines to gigabytes";
    const action = "Remove the DOCTYPE.";
    throw annotationError(path, "declares a document type", { place: place(), why, action });
  });
  parser.on("opentag", ({ name, attributes }) => reader.open(name, attributes, place()));
  parser.on("closetag", ({ name }) => reader.close(name));
  for (let at = 0; at < text.length; at += CHUNK) parser.write(text.slice(at, at + CHUNK));
  parser.close();
  return reader.finish();
}

type Attributes = Readonly<Record<string, string>>;

interface OpenAnnotation {
  readonly place: string;
  readonly name: string;
  readonly type: string;
  readonly group: string | null;
  readonly colour: Colour | null;
  readonly vertices: Vertex[];
}

interface Vertex {
  readonly order: number;
  readonly x: number;
  readonly y: number;
}

/** Collects annotations and groups while the elements go by. */
class AsapReader {
  readonly #path: string;
  readonly #splines: SplineRule;
  readonly #lines: LineRule;
  readonly #budget: VertexBudget;
  readonly #annotations: Annotation[] = [];
  readonly #groups: AnnotationGroup[] = [];
  readonly #remarks = new Remarks();
  #depth = 0;
  #current: OpenAnnotation | null = null;

  constructor(path: string, { splines = "curve", lines = "left-out" }: AsapOptions) {
    this.#path = path;
    this.#splines = splines;
    this.#lines = lines;
    this.#budget = new VertexBudget(path);
  }

  open(name: string, attributes: Attributes, place: string): void {
    this.#depth += 1;
    if (this.#depth > MAXIMUM_DEPTH) {
      throw annotationError(this.#path, `nests more than ${MAXIMUM_DEPTH} elements`, { place });
    }
    if (this.#depth === 1) this.#checkRoot(name);
    else if (name === "Annotation") this.#openAnnotation(attributes, place);
    else if (name === "Coordinate") this.#addVertex(attributes, place);
    else if (name === "Group") this.#addGroup(attributes, place);
  }

  close(name: string): void {
    this.#depth -= 1;
    if (name !== "Annotation" || this.#current === null) return;
    this.#annotations.push(this.#finishAnnotation(this.#current));
    this.#current = null;
  }

  finish(): AnnotationSet {
    checkGroups(this.#path, this.#groups);
    return {
      path: this.#path,
      format: "asap-xml",
      annotations: this.#annotations,
      groups: this.#groups,
      origin: "slide",
      warnings: this.#remarks.texts(),
    };
  }

  #checkRoot(name: string): void {
    if (name === "ASAP_Annotations") return;
    const why = `its root element is ${name}, that of ASAP is ASAP_Annotations`;
    const action = "Open the annotations in ASAP or QuPath and save them as ASAP XML or GeoJSON.";
    throw annotationError(this.#path, "is no ASAP annotation file", { why, action });
  }

  #openAnnotation(attributes: Attributes, place: string): void {
    if (this.#current !== null) {
      throw annotationError(this.#path, "has an annotation inside another", { place });
    }
    const name = attributes.Name ?? "";
    const type = attributes.Type ?? "";
    if (!TYPES.has(type.toLowerCase())) {
      const why = "known are Polygon, Rectangle, Spline, Dot, PointSet and Measurement";
      throw annotationError(this.#path, `has an annotation "${name}" of type "${type}"`, { place, why });
    }
    const group = groupName(attributes.PartOfGroup);
    this.#current = { place, name, type, group, colour: this.#colour(attributes, place), vertices: [] };
  }

  #addVertex(attributes: Attributes, place: string): void {
    if (this.#current === null) {
      throw annotationError(this.#path, "has a coordinate outside any annotation", { place });
    }
    this.#budget.spend(1);
    const { vertices } = this.#current;
    const order = attributes.Order === undefined ? vertices.length : this.#number(attributes, "Order", place);
    const [x, y] = [this.#number(attributes, "X", place), this.#number(attributes, "Y", place)];
    vertices.push({ order, x, y });
  }

  #addGroup(attributes: Attributes, place: string): void {
    const name = attributes.Name ?? "";
    if (name === "") throw annotationError(this.#path, "has a group without a name", { place });
    if (this.#groups.length === MAXIMUM_GROUPS) {
      throw annotationError(this.#path, `has more than ${MAXIMUM_GROUPS} groups`, { place });
    }
    if (this.#groups.some((group) => group.name === name)) {
      throw annotationError(this.#path, `declares the group "${name}" twice`, { place });
    }
    const colour = this.#colour(attributes, place);
    this.#groups.push({ name, colour, parent: groupName(attributes.PartOfGroup) });
  }

  #number(attributes: Attributes, name: string, place: string): number {
    const text = attributes[name];
    const value =
      text !== undefined && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) ? Number(text) : NaN;
    if (Math.abs(value) <= MAXIMUM_COORDINATE) return value;
    const what =
      text === undefined ? `has a coordinate without ${name}` : `has the coordinate ${name}="${text}"`;
    const why = `a number with a decimal point, at most ${MAXIMUM_COORDINATE}, belongs there`;
    const isComma = /^\s*[+-]?\d+,\d+\s*$/.test(text ?? "");
    const action = isComma ? "Write the coordinates of this file with points in place of commas." : undefined;
    throw annotationError(this.#path, what, { place, why, action });
  }

  #colour(attributes: Attributes, place: string): Colour | null {
    const text = attributes.Color;
    if (text === undefined || text === "") return null;
    const [, red, green, blue] = /^#([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(text) ?? [];
    if (red !== undefined && green !== undefined && blue !== undefined) {
      return [Number.parseInt(red, 16), Number.parseInt(green, 16), Number.parseInt(blue, 16)];
    }
    this.#remarks.add(place, `the colour "${text}" is not of the form #RRGGBB; it is left out`, "colour");
    return null;
  }

  #finishAnnotation(open: OpenAnnotation): Annotation {
    const { name, group, colour } = open;
    const vertices = open.vertices.sort((a, b) => a.order - b.order);
    const same = vertices.find((vertex, index) => vertices[index - 1]?.order === vertex.order);
    if (same !== undefined) {
      const what = `has two coordinates of order ${same.order} in the annotation "${name}"`;
      throw annotationError(this.#path, what, { place: open.place });
    }
    const base = { id: null, name, group, colour, measurements: {} };
    const kind = TYPES.get(open.type.toLowerCase());
    if (kind === "points") return { ...base, polygons: [], points: vertices.map(toPoint) };
    const positions = vertices.flatMap(({ x, y }) => [x, y]);
    const extent = pixelsAround(positions);
    if (kind === "none" && this.#lines === "kept" && vertices.length > 1) {
      // A ruler, unless somebody has put it in a group.
      const measured = { ...base, group: group ?? MEASUREMENT_CLASS };
      return { ...measured, polygons: [], points: [], lines: [ringOf(positions)] };
    }
    if (kind === "none") {
      if (isMeasurement(group)) return { ...base, polygons: [], points: [] };
      this.#remarks.add(open.place, `the measurement "${name}" has no area; it is left out`, kind);
      // A ruler, unless somebody has put it in a group.
      const leftOut = group === null ? [] : [{ what: "a measurement", extent }];
      return { ...base, polygons: [], points: [], leftOut };
    }
    const control = distinctRing(positions);
    if (control === null || !enclosesArea(control)) {
      const lack = control === null ? "fewer than three points" : "no area";
      this.#remarks.add(open.place, `the outline "${name}" has ${lack}; it is left out`, lack);
      return { ...base, polygons: [], points: [], leftOut: [{ what: `an outline of ${lack}`, extent }] };
    }
    const outer = kind === "spline" ? splineRing(control, this.#splines) : control;
    return { ...base, polygons: [{ outer, holes: [] }], points: [] };
  }
}

function toPoint({ x, y }: Vertex): Level0Point {
  return { space: "level-0", x, y };
}

function groupName(text: string | undefined): string | null {
  return text === undefined || text === "" || text === "None" ? null : text;
}

/** A group that is, over others, part of itself would never end. */
function checkGroups(path: string, groups: readonly AnnotationGroup[]): void {
  const parents = new Map(groups.map(({ name, parent }) => [name, parent]));
  for (const { name } of groups) {
    const seen = new Set<string>();
    for (let at: string | null | undefined = name; at != null; at = parents.get(at)) {
      if (seen.has(at)) {
        throw annotationError(path, `has the group "${name}" within itself`, {
          action: "Correct PartOfGroup of the groups.",
        });
      }
      seen.add(at);
    }
  }
}
