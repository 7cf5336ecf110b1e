import { stringify } from "csv-stringify/sync";
import type { SharedFiles } from "../slides/index.js";
import { type CsvRow, type CsvTable, csvError, readCsvTable, requireColumns } from "./csv.js";
import { parseId, parseLabel, parseSplit, requireText } from "./csv-fields.js";
import { compareRows, type ManifestRow, type Split } from "./records.js";
import { formatWindows, WINDOWS_FILE } from "./windows-file.js";

export const MANIFEST_FILE = "manifest.csv";

/** The columns of `manifest.csv`, in order. */
export const MANIFEST_COLUMNS = [
  "patch",
  "slide",
  "patient",
  "x",
  "y",
  "level",
  "mpp",
  "label",
  "tumour_fraction",
  "split",
] as const;

/** The text of `manifest.csv`: sorted, so equal datasets have equal bytes; unknown values are empty. */
export function formatManifest(rows: readonly ManifestRow[]): string {
  const records = [...rows].sort(compareRows).map((row) => [
    row.id,
    row.slide,
    row.patient,
    row.x,
    row.y,
    row.level,
    row.mpp,
    row.label,
    // Six decimals tell apart one pixel in a 1000 x 1000 patch.
    row.tumourFraction === null ? null : Number(row.tumourFraction.toFixed(6)),
    row.split,
  ]);
  return stringify([[...MANIFEST_COLUMNS], ...records]);
}

/** Writes `manifest.csv` and, where patches have labels of windows, `windows.csv`. */
export async function writeManifest(files: SharedFiles, rows: readonly ManifestRow[]): Promise<void> {
  await files.write(MANIFEST_FILE, formatManifest(rows));
  const windows = formatWindows(rows);
  if (windows !== undefined) await files.write(WINDOWS_FILE, windows);
}

/**
 * Reads `manifest.csv`.
 * @throws EpSamError `dataset` naming file and line: malformed CSV, missing columns, a value out of range,
 * a patch listed twice, a patient in two splits.
 */
export async function readManifest(path: string): Promise<ManifestRow[]> {
  const table = await readCsvTable(path);
  requireColumns(table, MANIFEST_COLUMNS);
  const rows = table.rows.map((row) => parseRow(table, row));
  checkUniqueIds(table, rows);
  checkPatientsInOneSplit(table, rows);
  return rows;
}

function parseRow(table: CsvTable, row: CsvRow): ManifestRow {
  const slide = requireText(table, row, "slide");
  return {
    id: parseId(table, row, "patch"),
    slide,
    patient: row.get("patient") || slide,
    x: optionalNumber(table, row, "x", Number.isInteger, "a whole number of pixels"),
    y: optionalNumber(table, row, "y", Number.isInteger, "a whole number of pixels"),
    level: optionalNumber(table, row, "level", isLevel, "a whole number from 0"),
    mpp: optionalNumber(table, row, "mpp", (value) => value > 0, "a positive number of microns per pixel"),
    label: parseLabel(table, row),
    tumourFraction: optionalNumber(table, row, "tumour_fraction", isFraction, "a number from 0 to 1"),
    split: parseSplit(table, row),
  };
}

const isLevel = (value: number): boolean => Number.isInteger(value) && value >= 0;
const isFraction = (value: number): boolean => value >= 0 && value <= 1;

function optionalNumber(
  table: CsvTable,
  row: CsvRow,
  column: string,
  isValid: (value: number) => boolean,
  meaning: string,
): number | null {
  const text = row.get(column);
  if (text === "") return null;
  const value = Number(text);
  if (Number.isFinite(value) && isValid(value)) return value;
  throw csvError(table.path, `has ${column} "${text}"`, `Write ${meaning}, or nothing.`, row.line);
}

function checkUniqueIds(table: CsvTable, rows: readonly ManifestRow[]): void {
  const lineOf = new Map<string, number>();
  for (const [index, row] of rows.entries()) {
    const line = table.rows[index]?.line;
    const first = lineOf.get(row.id);
    if (first !== undefined) {
      const what = `lists the patch "${row.id}" again (first on line ${first})`;
      throw csvError(table.path, what, "Every patch needs an id of its own; rename or remove one.", line);
    }
    if (line !== undefined) lineOf.set(row.id, line);
  }
}

function checkPatientsInOneSplit(table: CsvTable, rows: readonly ManifestRow[]): void {
  const splitOf = new Map<string, Split>();
  for (const [index, row] of rows.entries()) {
    const first = splitOf.get(row.patient) ?? row.split;
    if (first !== row.split) {
      const what = `puts patient "${row.patient}" into ${row.split}, who is in ${first} already`;
      const action = "Put all patches of a patient into one split; otherwise test results are too good.";
      throw csvError(table.path, what, action, table.rows[index]?.line);
    }
    splitOf.set(row.patient, row.split);
  }
}
