import type { Level0Line, Level0Polygon } from "../geometry/index.js";
import type { Colour } from "../imaging/index.js";
import type { Level0Point } from "../slides/index.js";

/** A part of an annotation that somebody drew and that has no area which could be used. */
export interface LeftOutPart {
  /** What it is, such as "a line". */
  readonly what: string;
  /** Pixels around it; null where nothing was drawn, or nothing on the slide. */
  readonly extent: Level0Polygon | null;
}

/** One thing that somebody outlined, or that a program did. */
export interface Annotation {
  /** UUID of the object in QuPath; null where the format has none. */
  readonly id: string | null;
  readonly name: string;
  /** Group in ASAP, classification in QuPath; null for neither. */
  readonly group: string | null;
  /** Colour of the annotation itself; null when it takes the group's. */
  readonly colour: Colour | null;
  /** Its area; empty for dots. */
  readonly polygons: readonly Level0Polygon[];
  /** Dots; they have no area. */
  readonly points: readonly Level0Point[];
  /** Lines, as far as they were asked for (see `ReadAnnotationsOptions`); else they are left out. */
  readonly lines?: readonly Level0Line[] | undefined;
  /** What could not become area; left out when nothing. */
  readonly leftOut?: readonly LeftOutPart[] | undefined;
  /** Numbers by name, such as `Area µm^2`. */
  readonly measurements: Readonly<Record<string, number>>;
  /** Texts by name (QuPath 0.5 and later), where the format has them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** Where files that the web application exports tell, in the metadata, where an annotation came from. */
export const ORIGIN_KEY = "Origin";

/** A group of annotations (ASAP) or a classification (QuPath). */
export interface AnnotationGroup {
  readonly name: string;
  readonly colour: Colour | null;
  /** The group it is part of, or null. */
  readonly parent: string | null;
}

export type AnnotationFormat = "asap-xml" | "geojson" | "camelyon16-json";

/**
 * Where coordinates begin on a slide whose scanner left parts of it out (MIRAX and others): at the corner of the whole
 * slide (OpenSlide, ASAP), or at the corner of what was scanned (QuPath).
 */
export type CoordinateOrigin = "slide" | "bounds";

/** What becomes of lines, which have no area: left out with a warning, or kept as `lines`. */
export type LineRule = "left-out" | "kept";

/** What an annotation file holds. */
export interface AnnotationSet {
  /** The file it was read from, for messages. */
  readonly path: string;
  readonly format: AnnotationFormat;
  readonly annotations: readonly Annotation[];
  readonly groups: readonly AnnotationGroup[];
  /** Where its coordinates begin, as the file or its program tells; null when nothing does. */
  readonly origin: CoordinateOrigin | null;
  /** What was left out or is unusual, such as outlines of fewer than three points. */
  readonly warnings: readonly string[];
}
