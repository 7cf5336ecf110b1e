import type { AnnotationOrigin, ReviewState } from "../../contract/index.js";
import type { PixelSize } from "../../geometry/index.js";
import { titleOf } from "../tools/editing/classes.js";
import { type ObjectRow, sizeOfRow } from "./object-row.js";

/** What a row's state is called: of what is not brought in nobody can have said anything. */
export const rowStates = ["unreviewed", "accepted", "rejected", "found"] as const satisfies readonly (
  | ReviewState
  | "found"
)[];
export type RowState = (typeof rowStates)[number];

export const stateTexts: Readonly<Record<RowState, string>> = {
  unreviewed: "not reviewed",
  accepted: "accepted",
  rejected: "rejected",
  found: "not brought in",
};

export const originTexts: Readonly<Record<AnnotationOrigin, string>> = {
  drawn: "drawn",
  segmented: "segmented",
  imported: "imported",
  result: "result of a run",
};

export function stateOf({ isKept, object }: ObjectRow): RowState {
  return isKept ? object.review : "found";
}

/** Which rows are shown. */
export interface RowFilter {
  /** Words that all occur in name, class, state, author, origin or comment, in whatever case. */
  readonly text: string;
  /** Null for rows without a class; `all` for any. */
  readonly classification: string | null | typeof anything;
  readonly state: RowState | typeof anything;
  /** Least and largest area in µm², or level-0 pixels; null without a limit. */
  readonly least: number | null;
  readonly most: number | null;
}
/** No class is called that. */
export const anything = Symbol("anything");

export const noFilter: RowFilter = {
  text: "",
  classification: anything,
  state: anything,
  least: null,
  most: null,
};

/** The rows that pass a filter. */
export function filtered(
  rows: readonly ObjectRow[],
  { text, classification, state, least, most }: RowFilter,
  resolution: PixelSize | null,
): readonly ObjectRow[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (classification !== anything && row.object.classification !== classification) return false;
    if (state !== anything && stateOf(row) !== state) return false;
    if (least !== null || most !== null) {
      const { area } = sizeOfRow(row, resolution);
      if (area === null || area < (least ?? 0) || area > (most ?? Infinity)) return false;
    }
    if (words.length === 0) return true;
    const read = readTextOf(row);
    return words.every((word) => read.includes(word));
  });
}

function readTextOf(row: ObjectRow): string {
  const { name, classification, origin, author, comment } = row.object;
  const said = [stateTexts[stateOf(row)], originTexts[origin], author ?? "", comment ?? ""];
  return [name, classification ?? "no class", ...said].join("\n").toLowerCase();
}

export const columnNames = [
  "title",
  "class",
  "area",
  "diameter",
  "probability",
  "state",
  "author",
  "origin",
] as const;
export type ColumnName = (typeof columnNames)[number];

/** By what rows are ordered. */
export interface RowOrder {
  readonly column: ColumnName;
  readonly isDescending: boolean;
}

/** "Focus 2" comes before "Focus 10". */
const collator = new Intl.Collator("en", { numeric: true });

/** The rows in order; equal ones stay as they were, and what is unknown comes last either way. */
export function ordered(
  rows: readonly ObjectRow[],
  { column, isDescending }: RowOrder,
  resolution: PixelSize | null,
): readonly ObjectRow[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(row, column, resolution) }));
  const sign = isDescending ? -1 : 1;
  keyed.sort(({ key: one }, { key: other }) => {
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    if (typeof one === "number" && typeof other === "number") return sign * (one - other);
    return sign * collator.compare(String(one), String(other));
  });
  return keyed.map(({ row }) => row);
}

function keyOf(row: ObjectRow, column: ColumnName, resolution: PixelSize | null): string | number | null {
  const { object, probability } = row;
  switch (column) {
    case "title":
      return titleOf(object);
    case "class":
      return object.classification;
    case "area":
      return sizeOfRow(row, resolution).area;
    case "diameter": {
      const { diameter, length } = sizeOfRow(row, resolution);
      return diameter ?? length;
    }
    case "probability":
      return probability;
    case "state":
      return stateTexts[stateOf(row)];
    case "author":
      return object.author ?? null;
    case "origin":
      return originTexts[object.origin];
  }
}
