import { basename } from "node:path";
import { EpSamError, firstRepeated } from "../../common/index.js";
import { type CsvRow, type CsvTable, csvError, readCsvTable, requireColumns, requireOneOf } from "../csv.js";
import { parseLabel, parseSplit, requireText } from "../csv-fields.js";
import { listNames } from "../list-names.js";
import { readByPicture, stemFinder, tellUnmatched } from "../picture-tables.js";
import type { PatchLabel } from "../records.js";
import { labelOfWindows, type WindowLabel } from "../window-labels.js";
import { parsePresence, parseWindow } from "../windows-file.js";
import type { FoundInputs, InputImage } from "./discover.js";
import type { PlanningContext } from "./from-images.js";
import { IMAGE_COLUMNS, type Origin, originsOf, readPatients } from "./patients.js";

/** Stands for the size of a window until the patch's own is known. */
export const WHOLE_PATCH = 0;

/** What `labels.csv`, or the file name, says of a ready patch. */
export interface PatchFacts extends Origin {
  readonly id: string;
  readonly label: PatchLabel;
  readonly slide: string;
  /** Labels of windows that the table gives. */
  readonly windows?: readonly WindowLabel[] | undefined;
}

/** The facts of every labelled image, by the name of its file without extension. */
export async function gatherFacts(
  found: FoundInputs,
  context: PlanningContext,
): Promise<Map<string, PatchFacts>> {
  const labelled =
    found.labelsFile === null
      ? factsFromNames(found.images)
      : await factsFromTable(found.labelsFile, found.images);
  const { patients } = context;
  checkUniqueIds(labelled);
  if (patients === undefined) {
    if ([...labelled.values()].every(({ id, patient }) => id === patient)) {
      context.warn(
        "No patients are known, so patches of one patient may fall into different splits and make test results " +
          "too good; give `patients: FILE.csv` with the columns image and patient.",
      );
    }
    return labelled;
  }
  const table = await readPatients(patients, found.images);
  const surplus = tellUnmatched(table, "images");
  if (surplus !== null) context.warn(`${basename(patients)}: ${surplus}.`);
  const origins = originsOf([...labelled.keys()], table.values, patients);
  return new Map([...labelled].map(([stem, facts]) => [stem, { ...facts, ...origins.get(stem) }]));
}

function factsFromNames(images: readonly InputImage[]): Map<string, PatchFacts> {
  return new Map(
    images.map(({ stem }) => {
      const id = stem.slice(0, -2);
      return [stem, { id, slide: id, patient: id, split: null, label: stem.endsWith("_1") ? 1 : 0 }];
    }),
  );
}

async function factsFromTable(path: string, images: readonly InputImage[]): Promise<Map<string, PatchFacts>> {
  const table = await readCsvTable(path);
  const isOfWindows = ["other", "x", "y", "size"].some((column) => table.columns.includes(column));
  if (table.columns.includes("tumour") && isOfWindows) return factsFromWindows(table, images);
  requireColumns(table, ["label"]);
  const has = (column: string): boolean => table.columns.includes(column);
  const nameColumn = requireOneOf(table, [...IMAGE_COLUMNS].reverse());
  const { values: listed, unmatched } = readByPicture(table, nameColumn, images, (row) => ({
    label: parseLabel(table, row),
    slide: has("slide") ? row.get("slide") : "",
    patient: has("patient") ? row.get("patient") : "",
    split: has("split") ? parseSplit(table, row) : null,
  }));
  checkFilesPresent(path, unmatched);
  // The suffix repeats the label only if it does so in every name; otherwise it is part of the name.
  const suffixed = [...listed].every(([stem, { label }]) => stem.endsWith(`_${label}`));
  return new Map(
    [...listed].map(([stem, { label, slide, patient, split }]) => {
      const id = suffixed ? stem.slice(0, -2) : stem;
      return [stem, { id, label, slide: slide || id, patient: patient || slide || id, split }];
    }),
  );
}

/** A table that says of every window, or of every patch, whether it has tumour and whether it has anything else. */
function factsFromWindows(table: CsvTable, images: readonly InputImage[]): Map<string, PatchFacts> {
  const { path, columns } = table;
  const imageColumn = requireOneOf(table, [...IMAGE_COLUMNS].reverse());
  const areas = ["x", "y", "size"].filter((column) => columns.includes(column));
  if (areas.length > 0) requireColumns(table, ["x", "y", "size"]);
  requireColumns(table, ["other"]);
  const optional = (row: CsvRow, column: string): string => (columns.includes(column) ? row.get(column) : "");
  const facts = new Map<string, PatchFacts & { readonly windows: WindowLabel[] }>();
  const stemOfName = stemFinder(images);
  const unmatched = new Set<string>();
  for (const row of table.rows) {
    const name = requireText(table, row, imageColumn);
    const stem = stemOfName(name) ?? name;
    if (stemOfName(name) === null) unmatched.add(name);
    const presence = {
      tumour: parsePresence(table, row, "tumour"),
      other: parsePresence(table, row, "other"),
    };
    const window =
      areas.length > 0 ? parseWindow(table, row) : { x: 0, y: 0, size: WHOLE_PATCH, ...presence };
    const slide = optional(row, "slide") || stem;
    const patient = optional(row, "patient") || slide;
    const split = columns.includes("split") ? parseSplit(table, row) : null;
    const known = facts.get(stem);
    const windows = [...(known?.windows ?? []), window];
    if (known !== undefined && areas.length === 0) {
      const action = "Keep one of the lines, or add the columns x, y and size for labels of windows.";
      throw csvError(path, `lists "${stem}" twice`, action, row.line);
    }
    if (
      known !== undefined &&
      (known.slide !== slide || known.patient !== patient || known.split !== split)
    ) {
      const action = "Give all lines of a patch the same slide, patient and split.";
      throw csvError(path, `says two things of "${stem}"`, action, row.line);
    }
    facts.set(stem, { id: stem, label: labelOfWindows(windows), slide, patient, split, windows });
  }
  checkFilesPresent(path, [...unmatched]);
  return facts;
}

function checkFilesPresent(path: string, missing: readonly string[]): void {
  if (missing.length === 0) return;
  throw new EpSamError("dataset", {
    where: path,
    what: `lists ${missing.length} patches that are not beside it: ${listNames(missing)}`,
    action: "Copy the files there, or remove their lines.",
  });
}

function checkUniqueIds(facts: ReadonlyMap<string, PatchFacts>): void {
  const repeated = firstRepeated(facts, ([, { id }]) => id.toLowerCase());
  if (repeated === null) return;
  const [[other], [stem, { id }]] = repeated;
  throw new EpSamError("dataset", {
    where: stem,
    what: `has the same id "${id}" as ${other}`,
    action: "Every patch needs an id of its own, label suffix aside; rename or remove one.",
  });
}

/** Those of one image, which have to be there. */
export function factsOf(facts: ReadonlyMap<string, PatchFacts>, stem: string): PatchFacts {
  const found = facts.get(stem);
  if (found !== undefined) return found;
  throw new EpSamError("internal", { where: stem, what: "was given no label" });
}
