import { type CsvRow, type CsvTable, csvError } from "./csv.js";
import { isSplit, type PatchLabel, type Split } from "./records.js";

/** A patch name: not empty and no path, since files are named after it. */
export function parseId(table: CsvTable, row: CsvRow, column: string): string {
  const id = requireText(table, row, column);
  if (!/[/\\\0]/.test(id) && id !== "." && id !== "..") return id;
  throw csvError(table.path, `names the patch "${id}"`, "Use a name without slashes.", row.line);
}

/** The label of a row: 0 or 1. */
export function parseLabel(table: CsvTable, row: CsvRow): PatchLabel {
  const text = row.get("label");
  if (text === "0") return 0;
  if (text === "1") return 1;
  throw csvError(table.path, `has the label "${text}"`, "Write 1 for tumour and 0 for none.", row.line);
}

/** The split of a row: train, val or test. */
export function parseSplit(table: CsvTable, row: CsvRow): Split {
  const text = row.get("split");
  if (isSplit(text)) return text;
  throw csvError(table.path, `has the split "${text}"`, "Write train, val or test.", row.line);
}

/** A value that must not be empty. */
export function requireText(table: CsvTable, row: CsvRow, column: string): string {
  const text = row.get(column);
  if (text !== "") return text;
  throw csvError(table.path, `has no value for "${column}"`, "Fill it in.", row.line);
}
