import { stringify } from "csv-stringify/sync";
import { type CsvRow, type CsvTable, csvError, readCsvTable, requireColumns } from "./csv.js";
import { requireText } from "./csv-fields.js";
import { compareRows, type ManifestRow } from "./records.js";
import { labelOfWindows, type Presence, type WindowLabel } from "./window-labels.js";

/** The file beside the manifest that holds the labels of windows. */
export const WINDOWS_FILE = "windows.csv";

/** The columns of `windows.csv`, in order. */
export const WINDOWS_COLUMNS = ["patch", "x", "y", "size", "tumour", "other"] as const;

/** The text of `windows.csv`, in the manifest's order; undefined when no patch has labels of windows. */
export function formatWindows(rows: readonly ManifestRow[]): string | undefined {
  if (rows.every(({ windows }) => windows === undefined)) return undefined;
  const records = [...rows]
    .sort(compareRows)
    .flatMap(({ id, windows = [] }) =>
      windows.map(({ x, y, size, tumour, other }) => [id, x, y, size, tumour, other]),
    );
  return stringify([[...WINDOWS_COLUMNS], ...records]);
}

/**
 * Reads `windows.csv` and gives every patch of the manifest its windows.
 * @throws EpSamError `dataset` naming file and line: malformed CSV, a value out of range, a patch that the manifest
 *   does not list, a patch without a line, or a label of the manifest that contradicts the windows.
 */
export async function withWindows(path: string, rows: readonly ManifestRow[]): Promise<ManifestRow[]> {
  const table = await readCsvTable(path);
  requireColumns(table, WINDOWS_COLUMNS);
  const known = new Set(rows.map(({ id }) => id));
  const windows = new Map<string, WindowLabel[]>();
  for (const row of table.rows) {
    const id = requireText(table, row, "patch");
    if (!known.has(id)) {
      const action = "Remove the line, or add the patch to the manifest.";
      throw csvError(path, `has a window of "${id}", which the manifest does not list`, action, row.line);
    }
    const window = parseWindow(table, row);
    const ofPatch = windows.get(id);
    if (ofPatch === undefined) windows.set(id, [window]);
    else ofPatch.push(window);
  }
  return rows.map((row) => {
    const own = windows.get(row.id);
    if (own === undefined) {
      throw csvError(path, `has no window of "${row.id}"`, "Give every patch of the manifest its windows.");
    }
    if (labelOfWindows(own) !== row.label) {
      const what = `says of "${row.id}" that it has ${row.label === 1 ? "no tumour" : "tumour"}`;
      throw csvError(path, what, `The manifest gives it the label ${row.label}: correct one of them.`);
    }
    return { ...row, windows: own };
  });
}

/** The window of a line, with the columns x, y, size, tumour and other. */
export function parseWindow(table: CsvTable, row: CsvRow): WindowLabel {
  return {
    x: wholeNumber(table, row, "x", 0),
    y: wholeNumber(table, row, "y", 0),
    size: wholeNumber(table, row, "size", 1),
    tumour: parsePresence(table, row, "tumour"),
    other: parsePresence(table, row, "other"),
  };
}

/** 1, 0, or nothing where it is not known. */
export function parsePresence(table: CsvTable, row: CsvRow, column: string): Presence {
  const text = row.get(column);
  if (text === "") return null;
  if (text === "1") return 1;
  if (text === "0") return 0;
  throw csvError(
    table.path,
    `has ${column} "${text}"`,
    "Write 1 for there, 0 for not there, or nothing.",
    row.line,
  );
}

function wholeNumber(table: CsvTable, row: CsvRow, column: string, least: number): number {
  const value = Number(row.get(column) || Number.NaN);
  if (Number.isSafeInteger(value) && value >= least) return value;
  const action = `Write a whole number of pixels from ${least}.`;
  throw csvError(table.path, `has ${column} "${row.get(column)}"`, action, row.line);
}
