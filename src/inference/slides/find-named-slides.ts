import {
  listNames,
  listSlides,
  matchAnnotations,
  noSlides,
  type SkippedInput,
  tellLeftAlone,
  tellUnmatchedFiles,
} from "../../dataset/index.js";
import type { InferSlidesOptions } from "./options.js";

export interface SegmentedSlide {
  /** File name without extension. */
  readonly stem: string;
  readonly path: string;
  readonly annotation: string | null;
  /** What the user should know of that. */
  readonly warnings: readonly string[];
}

/** The slides, what was left out, and what the user should know of annotations. */
export interface SlidesToSegment {
  readonly slides: readonly SegmentedSlide[];
  readonly skipped: readonly SkippedInput[];
  readonly warnings: readonly string[];
}

/** Lists the slides and matches annotations with them; what belongs to nothing is told. */
export async function findNamedSlides({
  inputs,
  leaveOut = [],
  annotations,
  reporter,
}: InferSlidesOptions): Promise<SlidesToSegment> {
  const listed = await listSlides(inputs, new Set(leaveOut));
  const { slides: files, leftAlone } = listed;
  const reason =
    "is an image without tiles or levels among slides; give such files in a call of their own, or say that they are slides with `as: slides`";
  const skipped = [...listed.skipped, ...leaveOut.map((file) => ({ file, reason }))];
  if (files.length === 0) throw await noSlides(inputs);
  if (leftAlone.length > 0) reporter.note(tellLeftAlone(leftAlone));
  for (const { file, reason } of skipped) reporter.warn(`Skipped ${file}: ${reason}.`);
  if (annotations === undefined || (typeof annotations === "object" && "get" in annotations)) {
    const annotationOf = (slide: string) => annotations?.get(slide) ?? null;
    const slides = files.map((file) => ({ ...file, annotation: annotationOf(file.path), warnings: [] }));
    return { slides, skipped, warnings: [] };
  }
  const folders = typeof annotations === "string" ? [annotations] : annotations;
  const paths = files.map(({ path }) => path);
  const { ofSlides, unmatched } = await matchAnnotations(paths, folders);
  const surplus = tellUnmatchedFiles(unmatched);
  if (surplus !== null) reporter.warn(`${listNames(folders)}: ${surplus}.`);
  const none = `has no annotation in ${listNames(folders)}: there is nothing to compare it with`;
  const slides = files.map((file) => {
    const annotation = ofSlides.get(file.path) ?? null;
    if (annotation !== null) return { ...file, annotation, warnings: [] };
    reporter.warn(`${file.path} ${none}.`);
    return { ...file, annotation, warnings: [none, ...(surplus === null ? [] : [surplus])] };
  });
  const isAnyWithout = slides.some(({ annotation }) => annotation === null);
  if (surplus === null || !isAnyWithout)
    return { slides, skipped, warnings: surplus === null ? [] : [surplus] };
  const leftOut = { file: listNames(folders), reason: `${surplus}; check how they are spelt` };
  return { slides, skipped: [...skipped, leftOut], warnings: [surplus] };
}
