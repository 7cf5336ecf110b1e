import type { Level0Polygon } from "../geometry/index.js";
import type { Colour } from "../imaging/index.js";
import type { Level0Point } from "../slides/index.js";

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
  /** Numbers by name, such as `Area µm^2`. */
  readonly measurements: Readonly<Record<string, number>>;
  /** Texts by name (QuPath 0.5 and later), where the format has them. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** A group of annotations (ASAP) or a classification (QuPath). */
export interface AnnotationGroup {
  readonly name: string;
  readonly colour: Colour | null;
  /** The group it is part of, or null. */
  readonly parent: string | null;
}

export type AnnotationFormat = "asap-xml" | "geojson" | "camelyon16-json";

/** What an annotation file holds. */
export interface AnnotationSet {
  /** The file it was read from, for messages. */
  readonly path: string;
  readonly format: AnnotationFormat;
  readonly annotations: readonly Annotation[];
  readonly groups: readonly AnnotationGroup[];
  /** What was left out or is unusual, such as outlines of fewer than three points. */
  readonly warnings: readonly string[];
}
