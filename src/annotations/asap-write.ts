import {
  boxOfRing,
  type Level0Polygon,
  type Level0Ring,
  ringContains,
  ringOf,
  signedArea,
} from "../geometry/index.js";
import type { Colour } from "../imaging/index.js";
import { isMeasurement } from "./roles.js";
import type { Annotation, AnnotationGroup } from "./types.js";

/** The group that holes go to; readers of the file take it out of everything. */
const EXCLUSION: AnnotationGroup = { name: "Exclusion", colour: [0, 0, 0], parent: null };
const DEFAULT_COLOUR: Colour = [244, 250, 88];

/**
 * ASAP XML of annotations. ASAP has no holes: they become annotations of the group `Exclusion`, but a hole with
 * another area inside is joined to its outline by a bridge of no width instead, since the exclusion would cut
 * that area away too. It has no lines but measurements of two positions; others are left out. Groups that annotations name without being listed are added.
 */
export function formatAsapXml(
  annotations: readonly Annotation[],
  groups: readonly AnnotationGroup[] = [],
): string {
  return [...asapXmlPieces(annotations, groups)].join("");
}

/** {@link formatAsapXml} piece by piece, an annotation each. */
export function* asapXmlPieces(
  annotations: readonly Annotation[],
  groups: readonly AnnotationGroup[] = [],
): Generator<string, void, undefined> {
  const outlines = new OutlinesByPlace(
    annotations.flatMap(({ polygons }) => polygons.map(({ outer }) => outer)),
  );
  const used = new Map(groups.map((group) => [group.name, group]));
  let number = 0;
  const written = (
    name: string,
    type: string,
    group: string | null,
    colour: Colour | null,
    ring: Level0Ring,
  ): string => {
    const called = name === "" ? `Annotation ${number}` : name;
    number += 1;
    return `${annotationXml(called, type, group, colour, ring)}\n`;
  };
  yield '<?xml version="1.0"?>\n<ASAP_Annotations>\n\t<Annotations>\n';
  for (const { name, group, colour, polygons, points, lines = [] } of annotations) {
    if (group !== null && !used.has(group)) used.set(group, { name: group, colour, parent: null });
    for (const polygon of polygons) {
      const { outline, exclusions } = withoutHoles(polygon, outlines);
      yield written(name, "Polygon", group, colour, outline);
      if (exclusions.length > 0 && !used.has(EXCLUSION.name)) used.set(EXCLUSION.name, EXCLUSION);
      for (const hole of exclusions) yield written("", "Polygon", EXCLUSION.name, EXCLUSION.colour, hole);
    }
    for (const { x, y } of points) yield written(name, "Dot", group, colour, ringOf([x, y]));
    for (const line of lines) {
      const isRuler = line.coordinates.length === 4 && isMeasurement(group);
      if (isRuler) yield written(name, "Measurement", group, colour, line);
    }
  }
  const groupLines = [...used.values()].map((group) => `${groupXml(group)}\n`).join("");
  yield `\t</Annotations>\n\t<AnnotationGroups>\n${groupLines}\t</AnnotationGroups>\n</ASAP_Annotations>\n`;
}

function annotationXml(
  name: string,
  type: string,
  group: string | null,
  colour: Colour | null,
  { coordinates }: Level0Ring,
): string {
  const head = `Name="${attributeText(name)}" Type="${type}" PartOfGroup="${attributeText(group ?? "None")}"`;
  const lines = [`\t\t<Annotation ${head} Color="${hexadecimal(colour)}">`, "\t\t\t<Coordinates>"];
  for (let at = 0; at < coordinates.length; at += 2) {
    const [x = 0, y = 0] = coordinates.subarray(at, at + 2);
    lines.push(`\t\t\t\t<Coordinate Order="${at / 2}" X="${x}" Y="${y}" />`);
  }
  return [...lines, "\t\t\t</Coordinates>", "\t\t</Annotation>"].join("\n");
}

function groupXml({ name, colour, parent }: AnnotationGroup): string {
  const attributes = `PartOfGroup="${attributeText(parent ?? "None")}" Color="${hexadecimal(colour)}"`;
  return `\t\t<Group Name="${attributeText(name)}" ${attributes}>\n\t\t\t<Attributes />\n\t\t</Group>`;
}

function hexadecimal(colour: Colour | null): string {
  return `#${(colour ?? DEFAULT_COLOUR).map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** Text for an attribute; what XML cannot hold at all is left out. */
function attributeText(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll('"', "&quot;")
    .replace(/[\t\n\r]/g, (blank) => `&#${blank.charCodeAt(0)};`);
}

function withoutHoles(
  { outer, holes }: Level0Polygon,
  outlines: OutlinesByPlace,
): { outline: Level0Ring; exclusions: readonly Level0Ring[] } {
  const exclusions: Level0Ring[] = [];
  let outline = outer;
  for (const hole of holes) {
    if (outlines.anyIn(hole, outer)) outline = bridge(outline, hole);
    else exclusions.push(hole);
  }
  return { outline, exclusions };
}

/** Outlines in order of their first vertex, so that those in a hole are found without looking at all of them. */
class OutlinesByPlace {
  readonly #rings: readonly Level0Ring[];
  readonly #firstX: Float64Array;

  constructor(rings: readonly Level0Ring[]) {
    const x = (ring: Level0Ring): number => ring.coordinates[0] ?? 0;
    this.#rings = [...rings].sort((one, other) => x(one) - x(other));
    this.#firstX = Float64Array.from(this.#rings, x);
  }

  /** Whether another outline than the hole's own lies in it; told by one vertex, since areas do not cross holes. */
  anyIn(hole: Level0Ring, own: Level0Ring): boolean {
    const { left, top, right, bottom } = boxOfRing(hole);
    for (let at = this.#firstFrom(left); (this.#firstX[at] ?? Infinity) <= right; at++) {
      const ring = this.#rings[at];
      const y = ring?.coordinates[1] ?? Infinity;
      if (ring === own || y < top || y > bottom) continue;
      if (ringContains(hole, this.#firstX[at] ?? 0, y)) return true;
    }
    return false;
  }

  #firstFrom(x: number): number {
    let [low, high] = [0, this.#firstX.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#firstX[middle] ?? 0) < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * One ring that winds around the outline but not around the hole: along the outline, over to the hole, around it
 * the other way and back. The way over is taken in both directions and winds around nothing.
 */
function bridge(outline: Level0Ring, hole: Level0Ring): Level0Ring {
  const around = signedArea(outline) > 0 === signedArea(hole) > 0 ? reversed(hole) : [...hole.coordinates];
  const [holeX = 0, holeY = 0] = around;
  const at = nearestVertex(outline, holeX, holeY);
  const before = outline.coordinates.subarray(0, at + 2);
  const after = outline.coordinates.subarray(at);
  return ringOf([...before, ...around, holeX, holeY, ...after]);
}

function reversed({ coordinates }: Level0Ring): number[] {
  const result: number[] = [];
  for (let at = coordinates.length - 2; at >= 0; at -= 2) {
    result.push(coordinates[at] ?? 0, coordinates[at + 1] ?? 0);
  }
  return result;
}

/** Index of the x of the vertex nearest to a position. */
function nearestVertex({ coordinates }: Level0Ring, x: number, y: number): number {
  let best = 0;
  let least = Infinity;
  for (let at = 0; at < coordinates.length; at += 2) {
    const distance = ((coordinates[at] ?? 0) - x) ** 2 + ((coordinates[at + 1] ?? 0) - y) ** 2;
    if (distance < least) [best, least] = [at, distance];
  }
  return best;
}
