import { basename, resolve } from "node:path";
import { stringify } from "yaml";
import { writeFileAtomically } from "../common/index.js";
import { stageNames, stageTitle, tableStages } from "../contract/index.js";
import { type Dataset, type PatchRecord, SPLITS, type Split } from "../dataset/index.js";
import {
  evaluationFolder,
  isPrompted,
  type PatchFigures,
  type RunContext,
  type RunDirectory,
  type RunEvaluation,
  readEvaluation,
  seesFeatures,
} from "../run/index.js";
import { renderReport } from "./render-report.js";
import type { DatasetSummary, ReportData, RunIdentity } from "./report-data.js";
import { runCurves } from "./run-curves.js";
import { classificationOf, probabilityDistribution, stageTable } from "./run-evaluation.js";
import { runGallery } from "./run-gallery.js";
import { readRounds, scoreDistributions, selectionRows } from "./run-selection.js";

/** A run and the data it was trained on; the run may be unfinished. */
export type ReportContext = Pick<RunContext, "run" | "config">;

/** An evaluation with its table of patches. */
interface Evaluated {
  readonly evaluation: RunEvaluation;
  readonly patches: readonly PatchFigures[];
}

/**
 * Writes a run's `report.html` from what its directory holds; what is not there yet is stated in the page.
 * @param dataset the data the run was trained on
 * @returns the path of the report.
 * @throws EpSamError `run-directory` when a file of the run cannot be understood; `storage` when the page cannot
 *   be written.
 */
export async function writeRunReport(context: ReportContext, dataset: Dataset): Promise<string> {
  const file = context.run.path("report.html");
  await writeFileAtomically(file, renderReport(await assembleReport(context, dataset)));
  return file;
}

/** Gathers what a report shows from the run directory and the dataset. */
export async function assembleReport(context: ReportContext, dataset: Dataset): Promise<ReportData> {
  const { run, config } = context;
  const rounds = await readRounds(context);
  const evaluated = await lastEvaluation(run, dataset);
  const expected = tableStages(config.rounds, isPrompted(config));
  return {
    title: basename(resolve(run.root)),
    run: identity(context),
    dataset: describeDataset(dataset),
    curves: runCurves(context, await run.metrics()),
    stageTable: stageTable(evaluated?.evaluation, expected),
    classification: evaluated === undefined ? undefined : classificationOf(evaluated.evaluation),
    scoreDistributions: [
      ...scoreDistributions(rounds, config.selection.idsThreshold),
      ...(evaluated === undefined ? [] : [probabilityDistribution(evaluated.evaluation, evaluated.patches)]),
    ],
    selection: selectionRows(rounds),
    gallery: await runGallery({ context, dataset, evaluated, rounds }),
    configurationYaml: stringify(config).trimEnd(),
    notes: notes(context),
    warnings: warnings(context, dataset),
  };
}

/** The evaluation that the report shows: of the test split, else of the validation or training split. */
async function lastEvaluation(run: RunDirectory, dataset: Dataset): Promise<Evaluated | undefined> {
  const splits: readonly Split[] = ["test", "val", "train"];
  for (const split of splits) {
    const found = await readEvaluation(evaluationFolder(run, dataset), split);
    if (found !== undefined) return found;
  }
  return undefined;
}

function identity({ run, config }: ReportContext): RunIdentity {
  const { createdAt, stages, versions, device, dataset, weights, commandLine, preset } = run.record;
  return {
    created: createdAt,
    durationSeconds: Object.values(stages).reduce((sum, { seconds }) => sum + seconds, 0),
    seed: config.seed,
    preset,
    versions,
    device: `${device.name} (${device.threads} ${device.threads === 1 ? "thread" : "threads"}, ${device.processor})`,
    dataHash: dataset.hash,
    weights,
    commandLine: commandLine.length === 0 ? "started from a program" : ["epsam", ...commandLine].join(" "),
  };
}

function describeDataset({ root, patches, patchSize }: Dataset): DatasetSummary {
  const scales = new Set(patches.map(({ mpp }) => mpp));
  const [scale] = scales;
  return {
    location: root,
    patchSize,
    micronsPerPixel: scales.size === 1 ? (scale ?? undefined) : undefined,
    splits: SPLITS.map((split) => {
      const chosen = patches.filter((patch) => patch.split === split);
      const positives = chosen.filter(({ label }) => label === 1);
      return {
        split,
        positive: positives.length,
        negative: chosen.length - positives.length,
        sources: new Set(chosen.map(({ slide }: PatchRecord) => slide)).size,
        withMask: positives.filter(({ maskPath }) => maskPath !== null).length,
      };
    }),
  };
}

/** How each stage's weights were chosen. */
function notes({ run, config: { decoder } }: ReportContext): string[] {
  const keepsLast = seesFeatures(decoder) && decoder.schedule === "cosine";
  return Object.entries(run.record.stages).flatMap(([stage, { summary }]) => {
    const title = stageTitle(stage);
    const { validation, keptDecoder } = summary;
    if (typeof keptDecoder === "string") {
      return [
        `${title}: no mask became a pseudo-label, so the decoder of “${stageTitle(keptDecoder)}” was kept.`,
      ];
    }
    if (typeof validation !== "string") return [];
    if (keepsLast) return [`${title}: the last epoch was kept. Validation shows the ${validation}.`];
    return [`${title}: the epoch was chosen by ${validation}.`];
  });
}

/** What is unfinished, and where the data are no longer those of the run. */
function warnings({ run, config }: ReportContext, dataset: Dataset): string[] {
  const unfinished = stageNames(config.rounds).filter((stage) => !run.isDone(stage));
  const lines: string[] = [];
  if (unfinished.length > 0) {
    const names = unfinished.map((stage) => stageTitle(stage)).join(", ");
    lines.push(`The run is not finished; still to come: ${names}. Go on with epsam train --resume.`);
  }
  if (dataset.hash !== run.record.dataset.hash) {
    lines.push(`${dataset.root} is not the data the run was trained on: images, labels or splits differ.`);
  }
  return lines;
}
