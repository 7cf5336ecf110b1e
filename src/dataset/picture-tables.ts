import { type CsvRow, type CsvTable, csvError } from "./csv.js";
import { requireText } from "./csv-fields.js";
import { NamedPictures, nameKey } from "./file-names.js";
import { listNames, MANY_NAMES } from "./list-names.js";

/** A slide, image or patch that a table may speak of. */
export interface Picture {
  /** File name without extension. */
  readonly stem: string;
  readonly path: string;
}

/** Names of the column that holds the slide: file name, with or without extension. */
export const SLIDE_COLUMNS = ["slide", "image", "name", "file"] as const;

/** What the lines of a table say of pictures, by their stems. */
export interface PictureTable<T> {
  readonly values: ReadonlyMap<string, T>;
  /** Names in it that are no picture's. */
  readonly unmatched: readonly string[];
}

/** Finds the stem of the picture that a table calls so; null for none. */
export function stemFinder(pictures: readonly Picture[]): (name: string) => string | null {
  const named = new NamedPictures(pictures.map(({ path }) => path));
  const stems = new Map(pictures.map(({ path, stem }) => [path, stem]));
  return (name) => stems.get(named.findFile(name)?.path ?? "") ?? null;
}

/**
 * One value per picture of a table, whose names may have an extension or not.
 * @throws EpSamError `dataset` for a picture that is listed twice
 */
export function readByPicture<T>(
  table: CsvTable,
  column: string,
  pictures: readonly Picture[],
  read: (row: CsvRow) => T,
): PictureTable<T> {
  const stemOfName = stemFinder(pictures);
  const values = new Map<string, T>();
  const unmatched = new Map<string, string>();
  for (const row of table.rows) {
    const name = requireText(table, row, column);
    const stem = stemOfName(name);
    if (stem === null ? unmatched.has(nameKey(name)) : values.has(stem)) {
      throw csvError(table.path, `lists "${stem ?? name}" twice`, "Keep one of the lines.", row.line);
    }
    const value = read(row);
    if (stem === null) unmatched.set(nameKey(name), name);
    else values.set(stem, value);
  }
  return { values, unmatched: [...unmatched.values()] };
}

/** What is told of the lines of a table that belong to nothing; null when there are none. */
export function tellUnmatched({ unmatched }: PictureTable<unknown>, things: string): string | null {
  if (unmatched.length === 0) return null;
  const lines = unmatched.length === 1 ? "a line belongs" : `${unmatched.length} lines belong`;
  return `${lines} to none of the ${things}: ${listNames(unmatched, MANY_NAMES)}`;
}
