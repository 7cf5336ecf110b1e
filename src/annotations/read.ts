import { isRecord } from "../common/index.js";
import { parseAsapXml } from "./asap-xml.js";
import { looksLikeCamelyonJson, parseCamelyonJson } from "./camelyon-json.js";
import { annotationError } from "./errors.js";
import { parseGeoJson } from "./geojson.js";
import { parseAnnotationJson } from "./json-values.js";
import { readAnnotationText } from "./read-text.js";
import { isMeasurement } from "./roles.js";
import type { SplineRule } from "./spline.js";
import type { AnnotationSet, LineRule } from "./types.js";

export interface ReadAnnotationsOptions {
  /** How ASAP splines become rings. Default `curve`: as ASAP draws them. */
  readonly splines?: SplineRule | undefined;
  /** Whether lines of GeoJSON and measurements of ASAP are kept. Default `left-out`: training learns areas. */
  readonly lines?: LineRule | undefined;
}

/**
 * Reads an annotation file: ASAP XML, GeoJSON as QuPath writes it, or Camelyon16 outlines in JSON; told apart by
 * their content.
 * @throws EpSamError `annotation` naming the file and the line or member at fault
 */
export async function readAnnotations(
  path: string,
  options: ReadAnnotationsOptions = {},
): Promise<AnnotationSet> {
  return parseAnnotations(path, await readAnnotationText(path), options);
}

/** As {@link readAnnotations}, of a text; `path` is for messages. */
export function parseAnnotations(
  path: string,
  content: string,
  options: ReadAnnotationsOptions = {},
): AnnotationSet {
  const set = parsed(path, content, options);
  const { length } = set.annotations;
  const isMeasured = length > 0 && set.annotations.every(({ group }) => isMeasurement(group));
  if (!isMeasured || options.lines === "kept") return set;
  const all =
    length === 1 ? "its one annotation is a measurement" : `all ${length} annotations are measurements`;
  const warning = `${all}, which does not tell whether there is tumour: without \`unmarked: unknown\` the slide counts as free of it`;
  return { ...set, warnings: [...set.warnings, warning] };
}

function parsed(path: string, content: string, options: ReadAnnotationsOptions): AnnotationSet {
  const text = content.replace(/^\uFEFF/, "");
  const first = /\S/.exec(text)?.[0];
  if (first === "<") return parseAsapXml(path, text, options);
  if (first === undefined) throw annotationError(path, "is empty");
  const value = parseAnnotationJson(path, text);
  if (isRecord(value) && looksLikeCamelyonJson(value)) return parseCamelyonJson(path, value);
  return parseGeoJson(path, value, options.lines);
}
