import { EpSamError } from "../../common/index.js";
import { readCsvTable, requireOneOf } from "../csv.js";
import { parseSplit, requireText } from "../csv-fields.js";
import { firstSpelling } from "../file-names.js";
import { listNames } from "../list-names.js";
import { type Picture, type PictureTable, readByPicture } from "../picture-tables.js";
import { SPLITS, type Split } from "../records.js";
import type { Duplicates } from "./duplicates.js";
import type { PreparationSettings } from "./options.js";
import { drawSplits } from "./splits.js";

/** Names of the columns that identify the image, the first being ours. */
export const IMAGE_COLUMNS = ["image", "name", "file", "patch"] as const;
/** Names of the columns that identify the patient (the second as in GlaS's `Grade.csv`). */
const PATIENT_COLUMNS = ["patient", "patient_id"] as const;

/** What is known of an image's origin. */
export interface Origin {
  readonly patient: string;
  /** The split the user decided, or null to have it drawn. */
  readonly split: Split | null;
}

/**
 * Reads a CSV file with the columns image (file name, with or without extension), patient and optionally split.
 * @throws EpSamError `dataset` naming file and line for malformed lines, an image listed twice, or a split given
 * for some lines only.
 */
export async function readPatients(path: string, images: readonly Picture[]): Promise<PictureTable<Origin>> {
  const table = await readCsvTable(path);
  const imageColumn = requireOneOf(table, IMAGE_COLUMNS);
  const patientColumn = requireOneOf(table, PATIENT_COLUMNS);
  const patientOf = firstSpelling();
  return readByPicture(table, imageColumn, images, (row) => ({
    patient: patientOf(requireText(table, row, patientColumn)),
    split: table.columns.includes("split") ? parseSplit(table, row) : null,
  }));
}

/**
 * The patient of every image: from the table, or the image itself without one.
 * @throws EpSamError `dataset` naming the images that the table lacks.
 */
export function originsOf(
  stems: readonly string[],
  known: ReadonlyMap<string, Origin> | null,
  tablePath: string,
): ReadonlyMap<string, Origin> {
  const missing = known === null ? [] : stems.filter((stem) => !known.has(stem));
  if (missing.length > 0) {
    throw new EpSamError("dataset", {
      where: tablePath,
      what: `has no line for ${missing.length} of ${stems.length} images: ${listNames(missing)}`,
      action: "Add a line with image and patient for each.",
    });
  }
  return new Map(stems.map((stem) => [stem, known?.get(stem) ?? { patient: stem, split: null }]));
}

/**
 * The split of every patient: as the user decided, else drawn by the seed.
 * @param duplicates names of the same pictures, whose patients go into one split when it is drawn
 * @throws EpSamError `dataset` when a patient's images have different splits.
 */
export function decideSplits(
  origins: ReadonlyMap<string, Origin>,
  settings: Pick<PreparationSettings, "split" | "seed">,
  duplicates: Duplicates = [],
): ReadonlyMap<string, Split> {
  const first = firstOfDuplicates(origins, duplicates);
  const imagesOf = new Map<string, number>();
  const decided = new Map<string, Split>();
  for (const [stem, { patient, split }] of origins) {
    const drawn = first(patient);
    imagesOf.set(drawn, (imagesOf.get(drawn) ?? 0) + 1);
    if (split === null) continue;
    const other = decided.get(patient) ?? split;
    if (other !== split) throw patientInTwoSplits(patient, stem, split, other);
    decided.set(patient, split);
  }
  if (decided.size > 0) return decided;
  const drawn = drawSplits(imagesOf, settings.split, settings.seed);
  const patients = [...origins.values()].map(({ patient }) => patient);
  return new Map(
    patients.flatMap((patient) => {
      const split = drawn.get(first(patient));
      return split === undefined ? [] : [[patient, split] as const];
    }),
  );
}

/** One patient for all who have a picture in common, directly or through others. */
function firstOfDuplicates(
  origins: ReadonlyMap<string, Origin>,
  duplicates: Duplicates,
): (patient: string) => string {
  const linked = new Map<string, string>();
  const first = (patient: string): string => {
    const other = linked.get(patient);
    return other === undefined ? patient : first(other);
  };
  for (const names of duplicates) {
    const [one, ...others] = names.flatMap((name) => origins.get(name)?.patient ?? []);
    if (one === undefined) continue;
    for (const other of others) {
      const [from, to] = [first(other), first(one)];
      if (from !== to) linked.set(from, to);
    }
  }
  return first;
}

function patientInTwoSplits(patient: string, stem: string, split: Split, other: Split): EpSamError {
  return new EpSamError("dataset", {
    where: `patient "${patient}"`,
    what: `is in two splits: image "${stem}" is in ${split}, an earlier one in ${other}`,
    why: `of ${SPLITS.join(", ")} a patient may be in one only, else test results are too good`,
    action: "Correct the split column of the CSV file.",
  });
}
