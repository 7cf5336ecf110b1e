import { stageTitle } from "../contract/index.js";
import type { Estimate } from "../evaluation/index.js";
import {
  classificationThreshold,
  type PatchFigures,
  type RunEvaluation,
  type StageEvaluation,
} from "../run/index.js";
import type {
  ClassificationTable,
  ScoreDistribution,
  StageMetric,
  StageRow,
  StageTable,
} from "./report-data.js";
import { STAGE_COLUMNS } from "./stage-columns.js";

const classificationNames = {
  auc: "AUC (area under the ROC curve)",
  accuracy: "Accuracy",
  sensitivity: "Sensitivity",
  specificity: "Specificity",
} as const;

/**
 * The stage table of an evaluation; stages of the method that were not measured are rows that say so.
 * @param expected stages that a finished run has, in order
 */
export function stageTable(evaluation: RunEvaluation | undefined, expected: readonly string[]): StageTable {
  if (evaluation === undefined) {
    const missing = "No split has been evaluated yet: the stage “evaluation” has not finished.";
    const empty = { positivePatches: 0, negativePatches: 0, rows: [], comparisons: [] };
    return { split: "test", intervalMethod: "", ...empty, missing };
  }
  const { split, patches, classification, stages } = evaluation;
  const common = {
    split,
    positivePatches: classification.positives,
    negativePatches: patches - classification.positives,
    intervalMethod: intervalMethod(evaluation),
  };
  if (evaluation.missing !== null) {
    return { ...common, rows: [], comparisons: [], missing: `No pixel figures: ${evaluation.missing}.` };
  }
  const measured = new Map(stages.map((row) => [row.stage, row]));
  const names = [...new Set([...expected, ...measured.keys()])];
  const comparisons = evaluation.comparisons.map(({ stage, against, differences }) => ({
    stage: stageTitle(stage),
    against: stageTitle(against),
    meanIou: differences.meanIou ?? undefined,
    positiveDice: differences.positiveDice ?? undefined,
  }));
  return { ...common, rows: names.map((stage) => stageRow(stage, measured.get(stage))), comparisons };
}

function stageRow(stage: string, row: StageEvaluation | undefined): StageRow {
  const title = stageTitle(stage);
  if (row?.summary === undefined || row.summary === null) {
    return { stage: title, missing: "not trained when this split was evaluated" };
  }
  const metrics: Partial<Record<StageMetric, Estimate>> = {};
  for (const { metric } of STAGE_COLUMNS) {
    const estimate = row.summary.metrics[metric];
    if (estimate !== null) metrics[metric] = estimate;
  }
  return { stage: title, metrics };
}

function intervalMethod({ resamples, classification }: RunEvaluation): string {
  const unit = classification.resampledBy === "group" ? "patients" : "patches";
  return `95 % percentile bootstrap over ${unit}, ${resamples} resamples`;
}

/** The classifier's figures on the evaluated split. */
export function classificationOf(evaluation: RunEvaluation): ClassificationTable {
  const { split, classification } = evaluation;
  const names = Object.entries(classificationNames) as [keyof typeof classificationNames, string][];
  return {
    split,
    patches: classification.patches,
    positives: classification.positives,
    threshold: classificationThreshold(evaluation),
    rows: names.map(([metric, name]) => ({ name, estimate: classification.metrics[metric] ?? undefined })),
  };
}

/** The classifier's probabilities, apart by label. */
export function probabilityDistribution(
  { split, gate }: RunEvaluation,
  patches: readonly PatchFigures[],
): ScoreDistribution {
  const groups = [
    { name: "label 1", label: 1 },
    { name: "label 0", label: 0 },
  ].map(({ name, label }) => ({
    name,
    values: patches.filter((patch) => patch.label === label).map(({ probability }) => probability),
  }));
  return {
    title: `Tumour probability of ${split} patches`,
    xLabel: "probability",
    groups,
    threshold: { value: gate, label: `gate ${gate}` },
  };
}
