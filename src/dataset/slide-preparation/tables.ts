import { EpSamError } from "../../common/index.js";
import { mppSetting } from "../../contract/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import { type CsvTable, csvError, readCsvTable, requireColumns, requireOneOf } from "../csv.js";
import { parseSplit, requireText } from "../csv-fields.js";
import { firstSpelling } from "../file-names.js";
import { listNames } from "../list-names.js";
import { type PictureTable, readByPicture, SLIDE_COLUMNS } from "../picture-tables.js";
import type { Duplicates } from "../preparation/duplicates.js";
import { decideSplits, type Origin } from "../preparation/patients.js";
import type { Split } from "../records.js";
import type { NamedSlide } from "./find-slides.js";
import type { PrepareSlidesOptions, SlideSettings } from "./options.js";
import { patientInName, splitInProfile } from "./profiles.js";

/** Resolutions of slides from a CSV file with the columns slide and mpp (microns per pixel). */
export async function readMppTable(
  path: string,
  slides: readonly NamedSlide[],
): Promise<PictureTable<MicronsPerPixel>> {
  const table = await readCsvTable(path);
  requireColumns(table, ["mpp"]);
  return readBySlide(table, slides, (line) => {
    const told = mppSetting.safeParse(Number(requireText(table, line, "mpp")));
    if (told.success) return { x: told.data, y: told.data };
    const action = told.error.issues[0]?.message ?? "Write microns per pixel, such as 0.25.";
    throw csvError(path, `has mpp "${line.get("mpp")}"`, action, line.line);
  });
}

/**
 * The patient, and where it is decided the split, of every slide: from `patients`, `splitTable` or the profile;
 * otherwise the patient is what the file name tells.
 * @param slides those of the profile alone, if there is one
 * @throws EpSamError `dataset` when a table lacks slides
 */
export async function originsOfSlides(
  slides: readonly NamedSlide[],
  options: Pick<PrepareSlidesOptions, "patients" | "splitTable" | "profile">,
): Promise<PictureTable<Origin>> {
  const { patients, splitTable, profile } = options;
  const path = patients ?? splitTable;
  const table =
    path === undefined ? null : await readOrigins(path, slides, patients === undefined ? "split" : "patient");
  const missing = table === null ? [] : slides.filter(({ stem }) => !table.values.has(stem));
  if (path !== undefined && missing.length > 0) {
    throw new EpSamError("dataset", {
      where: path,
      what: `has no line for ${missing.length} of ${slides.length} slides: ${listNames(missing.map(({ stem }) => stem))}`,
      why: unmatchedNames(table?.unmatched ?? []),
      action: "Add a line for each, or leave these slides out.",
    });
  }
  const originOf = ({ stem }: NamedSlide): Origin => {
    const told = table?.values.get(stem);
    const known = profile === undefined ? undefined : splitInProfile(profile, stem);
    const split = known !== undefined && "split" in known ? known.split : (told?.split ?? null);
    return { patient: told?.patient ?? patientInName(stem), split };
  };
  const values = new Map(slides.map((slide) => [slide.stem, originOf(slide)]));
  return { values, unmatched: table?.unmatched ?? [] };
}

function unmatchedNames(names: readonly string[]): string | undefined {
  return names.length === 0 ? undefined : `lines that belong to no slide: ${listNames(names)}`;
}

/** The split of every patient among the slides that can be used. */
export function splitsOf(
  origins: ReadonlyMap<string, Origin>,
  usable: ReadonlySet<string>,
  settings: SlideSettings,
  duplicates: Duplicates,
): ReadonlyMap<string, Split> {
  return decideSplits(new Map([...origins].filter(([stem]) => usable.has(stem))), settings, duplicates);
}

interface PartialOrigin {
  readonly patient: string | null;
  readonly split: Split | null;
}

async function readOrigins(
  path: string,
  slides: readonly NamedSlide[],
  required: "patient" | "split",
): Promise<PictureTable<PartialOrigin>> {
  const table = await readCsvTable(path);
  requireColumns(table, [required]);
  const has = (column: string): boolean => table.columns.includes(column);
  const patientOf = firstSpelling();
  return readBySlide(table, slides, (line) => {
    const patient = has("patient") ? line.get("patient") : "";
    if (required === "patient") requireText(table, line, "patient");
    return {
      patient: patient === "" ? null : patientOf(patient),
      split: has("split") ? parseSplit(table, line) : null,
    };
  });
}

function readBySlide<T>(
  table: CsvTable,
  slides: readonly NamedSlide[],
  read: (line: CsvTable["rows"][number]) => T,
): PictureTable<T> {
  return readByPicture(table, requireOneOf(table, SLIDE_COLUMNS), slides, read);
}
