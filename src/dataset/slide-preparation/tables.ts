import { EpSamError } from "../../common/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import { type CsvTable, csvError, readCsvTable, requireColumns, requireOneOf } from "../csv.js";
import { parseSplit, requireText } from "../csv-fields.js";
import { listNames } from "../open-dataset.js";
import { decideSplits, type Origin } from "../preparation/patients.js";
import type { Split } from "../records.js";
import type { PrepareSlidesOptions, SlideSettings } from "./options.js";
import { patientInName, splitInProfile } from "./profiles.js";

/** Names of the column that holds the slide: file name, with or without extension. */
const SLIDE_COLUMNS = ["slide", "image", "name", "file"] as const;

/** Resolutions by slide, in lower case, from a CSV file with the columns slide and mpp (microns per pixel). */
export async function readMppTable(path: string): Promise<ReadonlyMap<string, MicronsPerPixel>> {
  const table = await readCsvTable(path);
  requireColumns(table, ["mpp"]);
  return readBySlide(table, (line) => {
    const value = Number(requireText(table, line, "mpp"));
    if (value > 0 && Number.isFinite(value)) return { x: value, y: value };
    throw csvError(path, `has mpp "${line.get("mpp")}"`, "Write microns per pixel, such as 0.25.", line.line);
  });
}

/**
 * The patient, and where it is decided the split, of every slide: from `patients`, `splitTable` or the profile;
 * otherwise the patient is what the file name tells.
 * @returns origins, and the slides that the profile leaves out with the reason
 * @throws EpSamError `dataset` when a table lacks slides
 */
export async function originsOfSlides(
  stems: readonly string[],
  options: Pick<PrepareSlidesOptions, "patients" | "splitTable" | "profile">,
): Promise<{ origins: ReadonlyMap<string, Origin>; refused: ReadonlyMap<string, string> }> {
  const { patients, splitTable, profile } = options;
  const origins = new Map<string, Origin>();
  const refused = new Map<string, string>();
  if (profile !== undefined) {
    for (const stem of stems) {
      const known = splitInProfile(profile, stem);
      if ("refused" in known) refused.set(stem, known.refused);
      else origins.set(stem, { patient: patientInName(stem), split: known.split });
    }
    return { origins, refused };
  }
  const path = patients ?? splitTable;
  if (path === undefined) {
    for (const stem of stems) origins.set(stem, { patient: patientInName(stem), split: null });
    return { origins, refused };
  }
  const table = await readOrigins(path, patients === undefined ? "split" : "patient");
  const missing = stems.filter((stem) => !table.has(stem.toLowerCase()));
  if (missing.length > 0) {
    throw new EpSamError("dataset", {
      where: path,
      what: `has no line for ${missing.length} of ${stems.length} slides: ${listNames(missing)}`,
      action: "Add a line for each, or leave these slides out.",
    });
  }
  for (const stem of stems) {
    const origin = table.get(stem.toLowerCase());
    if (origin !== undefined)
      origins.set(stem, { ...origin, patient: origin.patient ?? patientInName(stem) });
  }
  return { origins, refused };
}

/** The split of every patient among the slides that can be used. */
export function splitsOf(
  origins: ReadonlyMap<string, Origin>,
  usable: ReadonlySet<string>,
  settings: SlideSettings,
): ReadonlyMap<string, Split> {
  return decideSplits(new Map([...origins].filter(([stem]) => usable.has(stem))), settings);
}

interface PartialOrigin {
  readonly patient: string | null;
  readonly split: Split | null;
}

async function readOrigins(
  path: string,
  required: "patient" | "split",
): Promise<ReadonlyMap<string, PartialOrigin>> {
  const table = await readCsvTable(path);
  requireColumns(table, [required]);
  const has = (column: string): boolean => table.columns.includes(column);
  return readBySlide(table, (line) => {
    const patient = has("patient") ? line.get("patient") : "";
    if (required === "patient") requireText(table, line, "patient");
    return { patient: patient === "" ? null : patient, split: has("split") ? parseSplit(table, line) : null };
  });
}

function readBySlide<T>(table: CsvTable, read: (line: CsvTable["rows"][number]) => T): Map<string, T> {
  const column = requireOneOf(table, SLIDE_COLUMNS);
  const values = new Map<string, T>();
  for (const line of table.rows) {
    const stem = requireText(table, line, column)
      .replace(/\.[a-z][a-z0-9]{1,6}$/i, "")
      .toLowerCase();
    if (values.has(stem))
      throw csvError(table.path, `lists "${stem}" twice`, "Keep one of the lines.", line.line);
    values.set(stem, read(line));
  }
  return values;
}
