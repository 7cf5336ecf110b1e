import { EpSamError } from "../common/index.js";
import { type CsvRow, type CsvTable, csvError, readCsvTable, requireColumns, requireOneOf } from "./csv.js";
import { requireText } from "./csv-fields.js";
import { nameKey } from "./file-names.js";
import {
  type Picture,
  type PictureTable,
  SLIDE_COLUMNS,
  stemFinder,
  tellUnmatched,
} from "./picture-tables.js";

/** A square of a slide that is tumour altogether, or has none; in level-0 pixels. */
export interface LabelledSquare {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly tumour: 0 | 1;
}

/**
 * Reads labelled squares from a CSV file with the columns `slide`, `x`, `y`, `size` and `tumour`, by the slide's stem.
 * @throws EpSamError `dataset` naming the line of what is no number, no label, or listed twice with different labels
 */
export async function readLabelledSquares(
  path: string,
  slides: readonly Picture[],
): Promise<PictureTable<readonly LabelledSquare[]>> {
  const table = await readCsvTable(path);
  requireColumns(table, ["x", "y", "size", "tumour"]);
  const column = requireOneOf(table, SLIDE_COLUMNS);
  const stemOfName = stemFinder(slides);
  const values = new Map<string, LabelledSquare[]>();
  const unmatched = new Map<string, string>();
  for (const row of table.rows) {
    const name = requireText(table, row, column);
    const stem = stemOfName(name);
    const square = squareOf(table, row);
    if (stem === null) {
      unmatched.set(nameKey(name), name);
      continue;
    }
    const squares = values.get(stem) ?? [];
    const { x, y, size, tumour } = square;
    const same = squares.find((other) => other.x === x && other.y === y && other.size === size);
    if (same === undefined) values.set(stem, [...squares, square]);
    else if (same.tumour !== tumour) {
      throw csvError(path, "labels a square both ways", "Keep one of the lines.", row.line);
    }
  }
  return { values, unmatched: [...unmatched.values()] };
}

/** Labelled squares of slides. */
export interface SquaresOf {
  /** By the slide's stem; of one slide at least. */
  readonly values: ReadonlyMap<string, readonly LabelledSquare[]>;
  /** What is told of lines that belong to none of the slides; null when there are none. */
  readonly unmatched: string | null;
}

/**
 * As {@link readLabelledSquares}, of slides of which some have squares.
 * @throws EpSamError `usage` when none has
 */
export async function squaresOf(path: string, slides: readonly Picture[]): Promise<SquaresOf> {
  const table = await readLabelledSquares(path, slides);
  const unmatched = tellUnmatched(table, "slides");
  if (table.values.size > 0) return { values: table.values, unmatched };
  throw new EpSamError("usage", {
    where: path,
    what: "has squares of none of these slides",
    why: unmatched ?? undefined,
    action: "Write the slide's file name in the column slide, with or without its extension.",
  });
}

function squareOf(table: CsvTable, row: CsvRow): LabelledSquare {
  const number = (column: string, least: number): number => {
    const value = Number(requireText(table, row, column));
    if (Number.isFinite(value) && value >= least) return value;
    const form = "Write pixels of the slide's full resolution, such as 1024.";
    throw csvError(table.path, `has ${column} "${row.get(column)}"`, form, row.line);
  };
  const label = row.get("tumour");
  if (label !== "0" && label !== "1") {
    const form = "Write 1 for a square that is tumour altogether, and 0 for one without.";
    throw csvError(table.path, `has tumour "${label}"`, form, row.line);
  }
  return { x: number("x", 0), y: number("y", 0), size: number("size", 1), tumour: label === "1" ? 1 : 0 };
}
