import { type Annotation, movedBy, readAnnotations } from "../../annotations/index.js";
import type { FocusEntry, SlideResults } from "../../contract/index.js";
import { boxOfRing, polygonArea } from "../../geometry/index.js";
import { RESEARCH_USE, readSummaryJson, type SlideSummary, sizeClassOf } from "../../inference/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import type { ImageFigures, StoredResults } from "./find-results.js";

const SQUARE_MICRONS_PER_SQUARE_MILLIMETRE = 1e6;

/**
 * The figures of a slide's results, with its foci, the largest first.
 * @throws EpSamError `annotation` when the outlines are damaged
 */
export async function readSlideResults(
  { origin, summaryPath, fociPath, fociOrigin, image }: StoredResults,
  micronsPerPixel: MicronsPerPixel | null,
): Promise<SlideResults> {
  const summary = summaryPath === null ? undefined : await readSummaryJson(summaryPath);
  const set = fociPath === null ? null : movedBy(await readAnnotations(fociPath), fociOrigin);
  const foci = set === null ? [] : set.annotations.flatMap(focusOf);
  return {
    origin,
    notice: RESEARCH_USE,
    tumourSquareMillimetres: summary?.tumour.squareMillimetres ?? tumourOfImage(image, micronsPerPixel),
    tissueSquareMillimetres: summary?.tissue.squareMillimetres ?? null,
    tumourToTissue: summary?.tumourToTissue ?? null,
    foci: foci.sort((one, other) => other.level0Pixels - one.level0Pixels),
    fociLeftOut: summary === undefined ? null : leftOutOf(summary),
  };
}

function leftOutOf({ micronsPerPixel, foci }: SlideSummary): SlideResults["fociLeftOut"] {
  if (foci.leftOut === undefined) return null;
  const { count, minimumArea } = foci.leftOut;
  return { count, minimumArea, inMicrons: micronsPerPixel !== null };
}

function tumourOfImage(image: ImageFigures | null, micronsPerPixel: MicronsPerPixel | null): number | null {
  if (image === null) return null;
  const known = micronsPerPixel === null ? null : image.pixels * micronsPerPixel.x * micronsPerPixel.y;
  const squareMicrons = image.squareMicrons ?? known;
  return squareMicrons === null ? null : squareMicrons / SQUARE_MICRONS_PER_SQUARE_MILLIMETRE;
}

/** A focus out of its annotation; measurements have the names that the export gives them. */
function focusOf(annotation: Annotation, index: number): FocusEntry[] {
  const [polygon] = annotation.polygons;
  if (polygon === undefined) return [];
  const { left, top, right, bottom } = boxOfRing(polygon.outer);
  const measured = annotation.measurements;
  const diameterMicrons = measured["Max diameter µm"] ?? null;
  return [
    {
      id: annotation.id ?? `focus-${index + 1}`,
      name: annotation.name,
      centre: [(left + right) / 2, (top + bottom) / 2],
      box: { x: left, y: top, width: right - left, height: bottom - top },
      squareMicrons: measured["Area µm^2"] ?? null,
      level0Pixels: measured["Area px^2"] ?? polygonArea(polygon),
      diameterMicrons,
      meanProbability: measured["Mean tumor probability"] ?? null,
      sizeClass: diameterMicrons === null ? null : contractClass(sizeClassOf(diameterMicrons)),
    },
  ];
}

function contractClass(name: ReturnType<typeof sizeClassOf>): NonNullable<FocusEntry["sizeClass"]> {
  return name === "isolated tumour cells" ? "isolated-tumour-cells" : name;
}
