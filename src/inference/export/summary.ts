import { readFile } from "node:fs/promises";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { jsonIfFits, safeCells, writeFileAtomically } from "../../common/index.js";
import type { Focus, FocusSizeClass, SlideExportInput } from "./types.js";

/** What every summary says of itself. */
export const RESEARCH_USE = "Research use only. Not for diagnosis.";

/** Upper limits in microns (AJCC/UICC, 8th edition: pN0(i+) up to 0.2 mm, pN1mi up to 2 mm). */
const ISOLATED_CELLS_MICRONS = 200;
const MICROMETASTASIS_MICRONS = 2000;
const MICRONS_PER_MILLIMETRE = 1000;

const numberOrNull = z.number().nullable();

const sizeClassSchema = z.enum(["isolated tumour cells", "micrometastasis", "macrometastasis"]);

const slideSummarySchema = z.object({
  formatVersion: z.literal(1),
  notice: z.literal(RESEARCH_USE),
  slide: z.string(),
  run: z.string(),
  /** Of level 0; null when unknown, as then everything in millimetres. */
  micronsPerPixel: z.object({ x: z.number(), y: z.number() }).nullable(),
  /** Level-0 pixels per pixel of the mask. */
  downsample: z.number(),
  tumour: z.object({ level0Pixels: z.number(), squareMillimetres: numberOrNull }),
  tissue: z.object({ level0Pixels: numberOrNull, squareMillimetres: numberOrNull }),
  /** Tumour area by tissue area; null when the tissue was not looked for or there is none. */
  tumourToTissue: numberOrNull,
  foci: z.object({
    count: z.number(),
    /** How many by the size of their diameter; null without a resolution. */
    isolatedTumourCells: numberOrNull,
    micrometastases: numberOrNull,
    macrometastases: numberOrNull,
    /**
     * Those too small to count, which are in the mask alone; the least area is in square microns, in level-0 pixels
     * without a resolution. Summaries of earlier versions lack it.
     */
    leftOut: z.object({ count: z.number(), level0Pixels: z.number(), minimumArea: z.number() }).optional(),
  }),
  /** The focus of the largest diameter, which nodal staging goes by; null when there is none. */
  largestFocus: z
    .object({
      diameterLevel0Pixels: z.number(),
      diameterMillimetres: numberOrNull,
      level0Pixels: z.number(),
      squareMillimetres: numberOrNull,
      meanProbability: numberOrNull,
      sizeClass: sizeClassSchema.nullable(),
    })
    .nullable(),
});

/** The content of a slide's `summary.json`. */
export type SlideSummary = z.infer<typeof slideSummarySchema>;
export type FociLeftOut = NonNullable<SlideSummary["foci"]["leftOut"]>;

/**
 * The class of a focus by its largest diameter in microns: isolated tumour cells up to 0.2 mm, micrometastasis up
 * to 2 mm, macrometastasis above. By size alone: the count of 200 cells of the staging rules is not looked at.
 */
export function sizeClassOf(diameterMicrons: number): FocusSizeClass {
  if (diameterMicrons <= ISOLATED_CELLS_MICRONS) return "isolated tumour cells";
  return diameterMicrons <= MICROMETASTASIS_MICRONS ? "micrometastasis" : "macrometastasis";
}

/** What the foci of a slide amount to. */
export function summariseFoci(
  foci: readonly Focus[],
  {
    mask,
    micronsPerPixel,
    level0TissueArea,
    identity,
  }: Pick<SlideExportInput, "mask" | "micronsPerPixel" | "level0TissueArea" | "identity">,
  leftOut: FociLeftOut = { count: 0, level0Pixels: 0, minimumArea: 0 },
): SlideSummary {
  const pixels = foci.reduce((sum, { level0Area }) => sum + level0Area, 0);
  const squareMillimetres = (area: number): number | null =>
    micronsPerPixel === null
      ? null
      : (area * micronsPerPixel.x * micronsPerPixel.y) / MICRONS_PER_MILLIMETRE ** 2;
  const countOf = (size: FocusSizeClass): number | null =>
    micronsPerPixel === null ? null : foci.filter((focus) => classOf(focus) === size).length;
  const hasTissue = level0TissueArea !== null && level0TissueArea > 0;
  return {
    formatVersion: 1,
    notice: RESEARCH_USE,
    slide: identity.slide,
    run: identity.run,
    micronsPerPixel: micronsPerPixel === null ? null : { ...micronsPerPixel },
    downsample: mask.downsample,
    tumour: { level0Pixels: pixels, squareMillimetres: squareMillimetres(pixels) },
    tissue: {
      level0Pixels: level0TissueArea,
      squareMillimetres: level0TissueArea === null ? null : squareMillimetres(level0TissueArea),
    },
    tumourToTissue: hasTissue ? pixels / level0TissueArea : null,
    foci: {
      count: foci.length,
      isolatedTumourCells: countOf("isolated tumour cells"),
      micrometastases: countOf("micrometastasis"),
      macrometastases: countOf("macrometastasis"),
      leftOut,
    },
    largestFocus: largestOf(foci, squareMillimetres),
  };
}

function classOf({ diameterMicrons }: Focus): FocusSizeClass | null {
  return diameterMicrons === null ? null : sizeClassOf(diameterMicrons);
}

function largestOf(
  foci: readonly Focus[],
  squareMillimetres: (area: number) => number | null,
): SlideSummary["largestFocus"] {
  const size = ({ diameterMicrons, level0Diameter }: Focus): number => diameterMicrons ?? level0Diameter;
  let largest = foci[0];
  if (largest === undefined) return null;
  for (const focus of foci) if (size(focus) > size(largest)) largest = focus;
  const { diameterMicrons, level0Diameter, level0Area, meanProbability } = largest;
  return {
    diameterLevel0Pixels: level0Diameter,
    diameterMillimetres: diameterMicrons === null ? null : diameterMicrons / MICRONS_PER_MILLIMETRE,
    level0Pixels: level0Area,
    squareMillimetres: squareMillimetres(level0Area),
    meanProbability,
    sizeClass: classOf(largest),
  };
}

/** @throws EpSamError `storage` when the file cannot be written */
export async function writeSummaryJson(path: string, summary: SlideSummary): Promise<void> {
  await writeFileAtomically(path, `${JSON.stringify(summary, null, 2)}\n`);
}

/** The summary at `path`, or `undefined` when the file is not one that this version wrote. */
export async function readSummaryJson(path: string): Promise<SlideSummary | undefined> {
  return jsonIfFits(await readFile(path, "utf8"), slideSummarySchema);
}

/**
 * Writes summaries as a table of one row a slide; what is unknown is an empty cell. A name that a spreadsheet would
 * compute, since it begins with `=` or the like, gets an apostrophe before it.
 * @throws EpSamError `storage` when the file cannot be written
 */
export async function writeSummaryCsv(path: string, summaries: readonly SlideSummary[]): Promise<void> {
  await writeFileAtomically(path, stringify(summaries.map(rowOf), { ...safeCells, columns: [...COLUMNS] }));
}

const COLUMNS = [
  "slide",
  "mpp_x",
  "mpp_y",
  "tumour_mm2",
  "tissue_mm2",
  "tumour_to_tissue",
  "foci",
  "foci_left_out",
  "largest_diameter_mm",
  "largest_mm2",
  "largest_size_class",
  "isolated_tumour_cells",
  "micrometastases",
  "macrometastases",
  "tumour_level0_pixels",
  "tissue_level0_pixels",
  "largest_diameter_level0_pixels",
  "run",
  "notice",
] as const;

function rowOf(summary: SlideSummary): Record<(typeof COLUMNS)[number], string | number | null> {
  const { micronsPerPixel, tumour, tissue, foci, largestFocus } = summary;
  return {
    slide: summary.slide,
    mpp_x: micronsPerPixel?.x ?? null,
    mpp_y: micronsPerPixel?.y ?? null,
    tumour_mm2: tumour.squareMillimetres,
    tissue_mm2: tissue.squareMillimetres,
    tumour_to_tissue: summary.tumourToTissue,
    foci: foci.count,
    foci_left_out: foci.leftOut?.count ?? null,
    largest_diameter_mm: largestFocus?.diameterMillimetres ?? null,
    largest_mm2: largestFocus?.squareMillimetres ?? null,
    largest_size_class: largestFocus?.sizeClass ?? null,
    isolated_tumour_cells: foci.isolatedTumourCells,
    micrometastases: foci.micrometastases,
    macrometastases: foci.macrometastases,
    tumour_level0_pixels: tumour.level0Pixels,
    tissue_level0_pixels: tissue.level0Pixels,
    largest_diameter_level0_pixels: largestFocus?.diameterLevel0Pixels ?? null,
    run: summary.run,
    notice: summary.notice,
  };
}
