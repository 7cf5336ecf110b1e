import {
  type Annotation,
  type AnnotationSet,
  parseAnnotations,
  type RasterGrid,
} from "../../src/annotations/index.js";
import { isEpSamError } from "../../src/common/index.js";
import { type Level0Polygon, ringOf } from "../../src/geometry/index.js";

/** A polygon of x and y in turn, with holes. */
export function polygonOf(outer: readonly number[], ...holes: readonly (readonly number[])[]): Level0Polygon {
  return { outer: ringOf(outer), holes: holes.map(ringOf) };
}

/** A rectangle whose sides are `left` to `right` and `top` to `bottom`. */
export function rectangle(left: number, top: number, right: number, bottom: number): readonly number[] {
  return [left, top, right, top, right, bottom, left, bottom];
}

export function annotationOf(fields: Partial<Annotation>): Annotation {
  const empty = { id: null, name: "", group: null, colour: null, polygons: [], points: [], measurements: {} };
  return { ...empty, ...fields };
}

/** A grid of level-0 pixels, or of larger ones. */
export function gridOf(x: number, y: number, width: number, height: number, pixel = 1): RasterGrid {
  return { origin: { space: "level-0", x, y }, pixelSize: { x: pixel, y: pixel }, width, height };
}

/** ASAP XML with one annotation of three points, and what is put in place of its parts. */
export function asapXml(parts: { annotation?: string; coordinates?: string; groups?: string } = {}): string {
  const {
    annotation = 'Name="a" Type="Polygon" PartOfGroup="Tumor" Color="#F4FA58"',
    coordinates = [0, 8, 4]
      .map((x, i) => `<Coordinate Order="${i}" X="${x}" Y="${i === 2 ? 6 : 0}" />`)
      .join(""),
    groups = '<Group Name="Tumor" PartOfGroup="None" Color="#64FE2E"><Attributes /></Group>',
  } = parts;
  return (
    `<?xml version="1.0"?>\n<ASAP_Annotations>\n<Annotations>\n<Annotation ${annotation}>\n` +
    `<Coordinates>\n${coordinates}\n</Coordinates></Annotation></Annotations>\n` +
    `<AnnotationGroups>${groups}</AnnotationGroups></ASAP_Annotations>`
  );
}

/** A GeoJSON text around one geometry. */
export function featureText(geometry: unknown, properties: unknown = {}): string {
  return JSON.stringify({ type: "FeatureCollection", features: [{ type: "Feature", geometry, properties }] });
}

export function parse(text: string): AnnotationSet {
  return parseAnnotations("slide.xml", text);
}

/** Tag and message of the EpSamError that `work` must end in. */
export function failureOf(work: () => unknown): string {
  try {
    work();
  } catch (failure) {
    if (isEpSamError(failure)) return `[${failure.tag}] ${failure.message}`;
    throw failure;
  }
  throw new Error("no error was thrown");
}
