import { readFile, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { exists, nameInCell, parseJson, safeCells, writeFileAtomically } from "../common/index.js";
import { type Dataset, SPLITS, type Split } from "../dataset/index.js";
import {
  CLASSIFICATION_METRIC_NAMES,
  type Confusion,
  METRIC_NAMES,
  patchOverlap,
} from "../evaluation/index.js";
import type { RunDirectory } from "./run-directory.js";
import { runFileError } from "./run-file-error.js";

const estimate = z.object({ value: z.number(), low: z.number(), high: z.number() }).nullable();
const resampledBy = z.enum(["group", "patch"]);

const stageSchema = z.object({
  stage: z.string(),
  /** Null when the split has no pixel masks. */
  summary: z
    .object({
      patches: z.number(),
      positives: z.number(),
      negatives: z.number(),
      groups: z.number(),
      resampledBy,
      metrics: z.record(z.enum(METRIC_NAMES), estimate),
    })
    .nullable(),
});

const comparisonSchema = z.object({
  stage: z.string(),
  /** The stage it is compared with. */
  against: z.string(),
  /** Figures of `stage` minus those of `against`, both over the same resamples. */
  differences: z.record(z.enum(METRIC_NAMES), estimate),
});

const evaluationSchema = z.object({
  split: z.enum(SPLITS),
  datasetRoot: z.string(),
  datasetHash: z.string(),
  patches: z.number(),
  /** Probability from which a patch is segmented and counted as tumour. */
  gate: z.number(),
  /** Resamples behind each 95 % bootstrap interval. */
  resamples: z.number(),
  classification: z.object({
    patches: z.number(),
    positives: z.number(),
    resampledBy,
    /** Probability from which a patch is classified as tumour; versions that did not record it took the gate. */
    threshold: z.number().optional(),
    metrics: z.record(z.enum(CLASSIFICATION_METRIC_NAMES), estimate),
  }),
  stages: z.array(stageSchema),
  /** What trained stages gain over their starting points; empty when the split has no pixel masks. */
  comparisons: z.array(comparisonSchema),
  /** Why figures are absent, or null. */
  missing: z.string().nullable(),
  /** Patches that the pixel figures leave out; absent from evaluations of versions that did not record it. */
  skipped: z.array(z.object({ file: z.string(), reason: z.string() })).optional(),
  /** What the user should know of the figures; as above. */
  warnings: z.array(z.string()).optional(),
});

/** The figures of a run on one split. */
export type RunEvaluation = z.infer<typeof evaluationSchema>;

/** Probability from which a patch was classified as tumour. */
export function classificationThreshold({ classification, gate }: RunEvaluation): number {
  return classification.threshold ?? gate;
}

/** What one stage gains over another. */
export type StageComparison = RunEvaluation["comparisons"][number];

/** One row of the stage table. */
export type StageEvaluation = RunEvaluation["stages"][number];

/** One patch of the table beside the figures. */
export interface PatchFigures {
  readonly id: string;
  readonly patient: string;
  readonly label: 0 | 1;
  readonly probability: number;
  /** By stage; empty when the patch has no pixel mask. */
  readonly confusions: Readonly<Record<string, Confusion>>;
}

/**
 * Where a run's evaluation of a dataset is kept: `evaluation` for the data it was trained on, a folder below it
 * for others, so that they do not replace each other.
 */
export function evaluationFolder(run: RunDirectory, dataset: Pick<Dataset, "root" | "hash">): string {
  if (dataset.hash === run.record.dataset.hash) return run.path("evaluation");
  return run.path("evaluation", `${basename(dataset.root)}-${dataset.hash.slice(0, 8)}`);
}

/** The files of one evaluation. */
export function evaluationFiles(folder: string, split: Split) {
  return {
    figures: join(folder, `${split}.json`),
    patches: join(folder, `${split}-patches.csv`),
    /** The predicted mask of a patch, 0 and 255. */
    mask: (stage: string, id: string) => join(folder, "masks", split, stage, `${id}.png`),
  };
}

/**
 * Writes `<split>.json` and `<split>-patches.csv`. Other figures that are there already are kept beside them.
 * @returns where the earlier figures are, or null when there were none, or the same
 */
export async function writeEvaluation(
  folder: string,
  evaluation: RunEvaluation,
  patches: readonly PatchFigures[],
): Promise<string | null> {
  const files = evaluationFiles(folder, evaluation.split);
  const rows = patches.map(tableRow);
  // Patches without a mask have fewer columns.
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const table = stringify(rows, { ...safeCells, columns });
  const figures = `${JSON.stringify(evaluation, null, 2)}\n`;
  const kept = await keepEarlier(files, figures, table);
  await writeFileAtomically(files.patches, table);
  await writeFileAtomically(files.figures, figures);
  return kept;
}

/** Renames what is there to `<split>-earlier-<n>.json` and `….csv`, unless it is what will be written. */
async function keepEarlier(
  files: ReturnType<typeof evaluationFiles>,
  figures: string,
  table: string,
): Promise<string | null> {
  if (!(await exists(files.figures))) return null;
  const hasTable = await exists(files.patches);
  const isSame =
    (await readFile(files.figures, "utf8")) === figures &&
    hasTable &&
    (await readFile(files.patches, "utf8")) === table;
  if (isSame) return null;
  for (let number = 1; ; number++) {
    const place = (file: string) => file.replace(/(\.\w+)$/, `-earlier-${number}$1`);
    if (await exists(place(files.figures))) continue;
    if (hasTable) await rename(files.patches, place(files.patches));
    await rename(files.figures, place(files.figures));
    return place(files.figures);
  }
}

function tableRow({ id, patient, label, probability, confusions }: PatchFigures) {
  const figures = Object.entries(confusions).flatMap(([stage, counts]) => {
    const { dice, iou } = patchOverlap(counts);
    return [
      [`${stage}_dice`, dice.toFixed(6)],
      [`${stage}_iou`, iou.toFixed(6)],
      ...(["tp", "fp", "fn", "tn"] as const).map((name) => [`${stage}_${name}`, counts[name]]),
    ];
  });
  return { patch: id, patient, label, probability: probability.toFixed(6), ...Object.fromEntries(figures) };
}

/**
 * Reads an evaluation back; `undefined` when the split has not been evaluated.
 * @throws EpSamError `run-directory` when a file cannot be understood.
 */
export async function readEvaluation(
  folder: string,
  split: Split,
): Promise<{ evaluation: RunEvaluation; patches: PatchFigures[] } | undefined> {
  const files = evaluationFiles(folder, split);
  if (!(await exists(files.figures))) return undefined;
  const evaluation = await readAs(files.figures, (text) =>
    parseJson(text, evaluationSchema, (why) => new Error(why)),
  );
  const stages = evaluation.missing === null ? evaluation.stages.map(({ stage }) => stage) : [];
  const patches = await readAs(files.patches, (text) => parsePatches(text, stages));
  return { evaluation, patches };
}

async function readAs<T>(file: string, understand: (text: string) => T): Promise<T> {
  try {
    return understand(await readFile(file, "utf8"));
  } catch (cause) {
    throw runFileError(file, "is not an evaluation of this version", "Run `epsam evaluate` again.", cause);
  }
}

const patchSchema = z.object({
  patch: z.string(),
  patient: z.string(),
  label: z.enum(["0", "1"]),
  probability: z.coerce.number(),
});
const count = z.coerce.number().int().min(0);

function parsePatches(text: string, stages: readonly string[]): PatchFigures[] {
  const rows: Record<string, string>[] = parse(text, { columns: true });
  return rows.map((row) => {
    const { patch, patient, label, probability } = patchSchema.parse(row);
    const measured = stages.filter((stage) => row[`${stage}_tp`] !== "");
    const confusions = measured.map((stage): [string, Confusion] => {
      const read = (name: keyof Confusion) => count.parse(row[`${stage}_${name}`]);
      return [stage, { tp: read("tp"), fp: read("fp"), fn: read("fn"), tn: read("tn") }];
    });
    return {
      id: nameInCell(patch),
      patient: nameInCell(patient),
      label: label === "1" ? 1 : 0,
      probability,
      confusions: Object.fromEntries(confusions),
    };
  });
}
