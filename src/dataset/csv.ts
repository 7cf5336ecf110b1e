import { readFile } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { EpSamError, isEpSamError, messageOf } from "../common/index.js";

/** One data line of a CSV file; every column of the header has a value, possibly empty. */
export interface CsvRow {
  /** Line number in the file, counted from 1, for messages. */
  readonly line: number;
  get(column: string): string;
}

export interface CsvTable {
  readonly path: string;
  readonly columns: readonly string[];
  readonly rows: readonly CsvRow[];
}

/**
 * Reads a file of values separated by commas, or by the semicolons or tabs that its header has instead, with a header line
 * whose case means nothing; blanks around values and a byte-order mark are dropped.
 * @throws EpSamError `dataset` when the file cannot be read, is malformed, repeats a column or has no data line.
 */
export async function readCsvTable(path: string): Promise<CsvTable> {
  const lines = parseCsv(path, await readText(path));
  const header = lines[0]?.record.map((name) => name.toLowerCase());
  if (header === undefined) throw csvError(path, "is empty", "Give it a header line and one line per item.");
  const repeated = header.find((name, index) => header.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw csvError(path, `has the column "${repeated}" twice`, "Keep one of them.");
  }
  const rows = lines.slice(1).map(({ record, line }) => toRow(path, header, record, line));
  if (rows.length === 0) throw csvError(path, "has a header but no data line", "Add one line per item.");
  return { path, columns: header, rows };
}

/** An error about a CSV file, with the line when one is to blame. */
export function csvError(path: string, what: string, action: string, line?: number): EpSamError {
  return new EpSamError("dataset", {
    where: line === undefined ? path : `${path}, line ${line}`,
    what,
    action,
  });
}

/** @throws EpSamError `dataset` naming every column of `required` that the table lacks. */
export function requireColumns(table: CsvTable, required: readonly string[]): void {
  const missing = required.filter((column) => !table.columns.includes(column));
  if (missing.length === 0) return;
  throw new EpSamError("dataset", {
    where: table.path,
    what: `lacks the column${missing.length > 1 ? "s" : ""} ${missing.join(", ")}`,
    why: `its header is ${table.columns.join(", ")}`,
    action: "Add the missing column to the header and a value to every line.",
  });
}

/**
 * The name the table uses for a column that is known under several names.
 * @throws EpSamError `dataset` when it has none of them.
 */
export function requireOneOf(table: CsvTable, alternatives: readonly string[]): string {
  const found = alternatives.find((column) => table.columns.includes(column));
  if (found !== undefined) return found;
  throw new EpSamError("dataset", {
    where: table.path,
    what: `lacks a column named ${alternatives.join(" or ")}`,
    why: `its header is ${table.columns.join(", ")}`,
    action: "Add the column to the header and a value to every line.",
  });
}

async function readText(path: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    const isUtf16 = bytes.length >= 2 && [0xfffe, 0xfeff].includes(bytes.readUInt16BE(0));
    if (isUtf16) throw csvError(path, "is in UTF-16", 'Save it as UTF-8, in Excel as "CSV UTF-8".');
    return bytes.toString("utf8");
  } catch (cause) {
    if (isEpSamError(cause)) throw cause;
    throw new EpSamError(
      "dataset",
      {
        where: path,
        what: "cannot be read",
        why: messageOf(cause),
        action: "Check the path and permissions.",
      },
      { cause },
    );
  }
}

function parseCsv(path: string, text: string): { record: string[]; line: number }[] {
  const lines: { record: string[]; line: number }[] = [];
  try {
    parse(text, {
      bom: true,
      delimiter: separatorOf(text),
      trim: true,
      skip_empty_lines: true,
      on_record: (record: string[], context) => {
        lines.push({ record, line: context.lines });
        return null;
      },
    });
  } catch (cause) {
    throw new EpSamError(
      "dataset",
      {
        where: path,
        what: "is not a well-formed CSV file",
        why: messageOf(cause),
        action: "Give every line as many comma-separated values as the header, and close every quote.",
      },
      { cause },
    );
  }
  return lines;
}

/** What spreadsheets write where a comma is the decimal point is a semicolon. */
function separatorOf(text: string): string {
  const [header = ""] = text.split(/[\r\n]/, 1);
  return [",", ";", "\t"].find((separator) => header.includes(separator)) ?? ",";
}

function toRow(path: string, header: readonly string[], record: readonly string[], line: number): CsvRow {
  return {
    line,
    get(column) {
      const value = record[header.indexOf(column)];
      if (value !== undefined) return value;
      throw csvError(path, `has no column "${column}"`, "Add it to the header.", line);
    },
  };
}
