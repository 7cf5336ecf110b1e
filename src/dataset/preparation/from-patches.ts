import { basename } from "node:path";
import { EpSamError } from "../../common/index.js";
import type { Mask } from "../../imaging/index.js";
import { type CsvRow, type CsvTable, csvError, readCsvTable, requireColumns, requireOneOf } from "../csv.js";
import { parseLabel, parseSplit, requireText } from "../csv-fields.js";
import { listNames } from "../open-dataset.js";
import { compareText, type PatchLabel, SPLITS } from "../records.js";
import {
  labelOfWindows,
  labelWindows,
  type WindowLabel,
  type WindowLabelRule,
  windowsOf,
} from "../window-labels.js";
import { parsePresence, parseWindow } from "../windows-file.js";
import { type FoundInputs, type InputImage, matchMasks } from "./discover.js";
import type { PlanningContext } from "./from-images.js";
import { foregroundFraction } from "./lattice.js";
import type { SkippedInput } from "./options.js";
import {
  decideSplits,
  IMAGE_COLUMNS,
  type Origin,
  originsOf,
  readByImage,
  readPatients,
  withoutImageExtension,
} from "./patients.js";
import { limitLabels } from "./selection.js";
import {
  type Examination,
  examineSources,
  type PreparationPlan,
  type SourceFile,
  type SourcePixels,
} from "./source.js";

/** Stands for the size of a window until the patch's own is known. */
const WHOLE_PATCH = 0;

/** What `labels.csv`, or the file name, says of a ready patch. */
interface PatchFacts extends Origin {
  readonly id: string;
  readonly label: PatchLabel;
  readonly slide: string;
  /** Labels of windows that the table gives. */
  readonly windows?: readonly WindowLabel[] | undefined;
}

interface ReadyPatch {
  readonly file: SourceFile;
  readonly facts: PatchFacts;
  readonly width: number;
  readonly height: number;
  /** Tumour fraction in [0, 1], or null without a mask. */
  readonly fraction: number | null;
  readonly windows?: readonly WindowLabel[] | undefined;
}

/**
 * Plans a dataset of ready patches: labels from `labels.csv` or the suffix `_0`/`_1`, masks optional.
 * @param requestedSize width and height the patches must have; the most frequent size when undefined
 * @throws EpSamError `dataset` for a bad CSV file, a listed patch without a file, or a repeated id.
 */
export async function planFromPatches(
  found: FoundInputs,
  context: PlanningContext,
  requestedSize: number | undefined,
): Promise<PreparationPlan> {
  const { settings } = context;
  const facts = await gatherFacts(found, context);
  const labelled = found.images.filter(({ stem }) => facts.has(stem));
  if (labelled.length < found.images.length) {
    const unlisted = found.images.filter(({ stem }) => !facts.has(stem)).map(({ path }) => basename(path));
    context.reporter.warn(`${found.labelsFile} does not list ${listNames(unlisted)}: left out.`);
  }
  const files = await pairWithMasks(labelled, facts, context);
  const job = { ...context, maskValues: settings.maskValues };
  const examined = await examineSources(files, job, (file, pixels) =>
    examine(file, pixels, factsOf(facts, file.stem), settings.windows),
  );
  const { patches, patchSize, skipped } = keepOneSize(examined.accepted, requestedSize);

  const splits = decideSplits(
    new Map(patches.map(({ file, facts: origin }) => [file.stem, origin])),
    settings,
  );
  const located = patches.flatMap((patch) => {
    const split = splits.get(patch.facts.patient);
    return split === undefined ? [] : [{ ...patch, split, label: patch.facts.label }];
  });
  const chosen = SPLITS.flatMap((split) =>
    limitLabels(
      located.filter((patch) => patch.split === split),
      split,
      settings,
    ),
  );
  return {
    patchSize,
    sources: chosen.map(
      ({ file, facts: { id, slide, patient }, width, height, fraction, windows, split, label }) => {
        const place = { slide, patient, x: null, y: null, level: null, mpp: settings.mpp };
        const row = { id, ...place, label, tumourFraction: fraction, split, windows };
        return { file, width, height, patches: [{ row, position: { x: 0, y: 0 } }] };
      },
    ),
    discarded: { belowPositiveRange: 0, abovePositiveRange: 0, overLimit: located.length - chosen.length },
    skipped: [...found.skipped, ...examined.skipped, ...skipped],
  };
}

async function gatherFacts(found: FoundInputs, context: PlanningContext): Promise<Map<string, PatchFacts>> {
  const labelled =
    found.labelsFile === null
      ? factsFromNames(found.images)
      : await factsFromTable(found.labelsFile, found.images);
  const { patients } = context;
  checkUniqueIds(labelled);
  if (patients === undefined) {
    if ([...labelled.values()].every(({ id, patient }) => id === patient)) {
      context.reporter.warn(
        "No patients are known, so patches of one patient may fall into different splits and make test results " +
          "too good; give `patients: FILE.csv` with the columns image and patient.",
      );
    }
    return labelled;
  }
  const origins = originsOf([...labelled.keys()], await readPatients(patients), patients);
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
  const listed = readByImage(table, requireOneOf(table, [...IMAGE_COLUMNS].reverse()), (row) => ({
    label: parseLabel(table, row),
    slide: has("slide") ? row.get("slide") : "",
    patient: has("patient") ? row.get("patient") : "",
    split: has("split") ? parseSplit(table, row) : null,
  }));
  checkFilesPresent(path, [...listed.keys()], images);
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
  for (const row of table.rows) {
    const stem = withoutImageExtension(requireText(table, row, imageColumn));
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
  checkFilesPresent(path, [...facts.keys()], images);
  return facts;
}

function checkFilesPresent(path: string, stems: readonly string[], images: readonly InputImage[]): void {
  const present = new Set(images.map(({ stem }) => stem));
  const missing = stems.filter((stem) => !present.has(stem));
  if (missing.length === 0) return;
  throw new EpSamError("dataset", {
    where: path,
    what: `lists ${missing.length} patches that are not beside it: ${listNames(missing)}`,
    action: "Copy the files there, or remove their lines.",
  });
}

function checkUniqueIds(facts: ReadonlyMap<string, PatchFacts>): void {
  const first = new Map<string, string>();
  for (const [stem, { id }] of facts) {
    const other = first.get(id.toLowerCase());
    if (other !== undefined) {
      throw new EpSamError("dataset", {
        where: stem,
        what: `has the same id "${id}" as ${other}`,
        action: "Every patch needs an id of its own, label suffix aside; rename or remove one.",
      });
    }
    first.set(id.toLowerCase(), stem);
  }
}

function factsOf(facts: ReadonlyMap<string, PatchFacts>, stem: string): PatchFacts {
  const found = facts.get(stem);
  if (found !== undefined) return found;
  throw new EpSamError("internal", { where: stem, what: "was given no label" });
}

/** Masks serve evaluation only, so a positive patch without one is worth a warning, not an error. */
async function pairWithMasks(
  images: readonly InputImage[],
  facts: ReadonlyMap<string, PatchFacts>,
  context: PlanningContext,
): Promise<SourceFile[]> {
  if (context.masks === undefined) return images.map((image) => ({ ...image, maskPath: null }));
  const masks = await matchMasks(images, context.masks);
  const without = images.filter(({ stem }) => facts.get(stem)?.label === 1 && !masks.has(stem));
  if (without.length > 0) {
    const names = listNames(without.map(({ path }) => basename(path)));
    context.reporter.warn(`${context.masks} has no mask for ${without.length} positive patches: ${names}.`);
  }
  return images.map((image) => ({ ...image, maskPath: masks.get(image.stem) ?? null }));
}

function examine(
  file: SourceFile,
  { image, mask }: SourcePixels,
  facts: PatchFacts,
  rule: WindowLabelRule | null,
): Examination<ReadyPatch> {
  const { width, height } = image;
  if (width !== height) return { refused: `is ${width} x ${height} pixels; patches are square` };
  const fraction = mask === null ? null : foregroundFraction(mask, { x: 0, y: 0 }, width);
  if (facts.label === 0 && facts.windows === undefined && fraction !== null && fraction > 0) {
    return { refused: `has the label 0, but ${(fraction * 100).toFixed(2)} % of its mask are tumour` };
  }
  if (facts.label === 1 && fraction === 0)
    return { refused: "has the label 1, but its mask shows no tumour" };
  const windows = windowsOfReadyPatch(width, mask, facts, rule);
  const outside = windows?.find(({ x, y, size }) => Math.max(x, y) + size > width);
  if (outside !== undefined) {
    return {
      refused: `has a window at ${outside.x}, ${outside.y} that leaves its ${width} x ${height} pixels`,
    };
  }
  const label = windows === undefined ? facts.label : labelOfWindows(windows);
  return { accepted: { file, facts: { ...facts, label }, width, height, fraction, windows } };
}

/** The labels of windows: those of the table, or else those that a mask tells where they were asked for. */
function windowsOfReadyPatch(
  patchSize: number,
  mask: Mask | null,
  { label, windows }: PatchFacts,
  rule: WindowLabelRule | null,
): readonly WindowLabel[] | undefined {
  if (windows !== undefined) {
    return windows.map((window) => (window.size === WHOLE_PATCH ? { ...window, size: patchSize } : window));
  }
  if (rule === null) return undefined;
  if (mask !== null) return labelWindows(mask, rule);
  // Without a mask the whole patch is the one window of which something is known.
  return windowsOf({ label }, patchSize);
}

/** Leaves out the patches that are not of the requested, or else the most frequent, size. */
function keepOneSize(
  patches: readonly ReadyPatch[],
  requestedSize: number | undefined,
): { patches: ReadyPatch[]; patchSize: number; skipped: SkippedInput[] } {
  const frequency = new Map<number, number>();
  for (const { width } of patches) frequency.set(width, (frequency.get(width) ?? 0) + 1);
  const ranked = [...frequency].sort(([sizeA, a], [sizeB, b]) => b - a || sizeB - sizeA);
  const patchSize = requestedSize ?? ranked[0]?.[0] ?? 0;
  const skipped = patches
    .filter(({ width }) => width !== patchSize)
    .map(({ file, width }) => ({
      file: file.path,
      reason: `is ${width} x ${width} pixels, the other patches are ${patchSize} x ${patchSize}`,
    }));
  const kept = patches.filter(({ width }) => width === patchSize);
  return { patches: kept.sort((a, b) => compareText(a.facts.id, b.facts.id)), patchSize, skipped };
}
