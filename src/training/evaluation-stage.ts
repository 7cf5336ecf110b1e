import { stringify } from "csv-stringify/sync";
import { writeFileAtomically } from "../common/index.js";
import {
  type Dataset,
  hasPixelMasks,
  loadPatchMask,
  type PatchRecord,
  type Split,
} from "../dataset/index.js";
import {
  type ClassificationSummary,
  type Confusion,
  confusion,
  type EvaluatedPatch,
  type EvaluationSummary,
  patchOverlap,
  summarise,
  summariseClassification,
} from "../evaluation/index.js";
import type { Mask } from "../imaging/index.js";
import type { PatchPredictor } from "./patch-predictor.js";
import type { RunContext } from "./run-context.js";

/** Resamples of the bootstrap confidence intervals. */
const resamples = 1000;

/** One row of the stage table. */
export interface StageEvaluation {
  readonly stage: string;
  /** Absent when the split has no pixel masks. */
  readonly summary: EvaluationSummary | null;
}

/** The figures of a run on one split. */
export interface RunEvaluation {
  readonly split: Split;
  readonly datasetRoot: string;
  readonly datasetHash: string;
  readonly patches: number;
  readonly classification: ClassificationSummary;
  readonly stages: readonly StageEvaluation[];
  /** Why figures are absent, or null. */
  readonly missing: string | null;
}

/** What one patch gave: its probability and the confusion of every stage. */
interface PatchOutcome {
  readonly patch: PatchRecord;
  readonly probability: number;
  readonly confusions: Readonly<Record<string, Confusion>>;
}

/**
 * Evaluates every stage of a run on a split (paper section 2, inference; Dice and IoU as the authors define
 * them, and pooled figures beside them). A patch below the classifier's gate counts as empty in every stage.
 */
export async function evaluateRun(
  context: RunContext,
  dataset: Dataset,
  split: Split,
  predictor: PatchPredictor,
): Promise<RunEvaluation> {
  const patches = dataset.patches.filter((patch) => patch.split === split);
  const withMasks = hasPixelMasks(dataset, split);
  const outcomes: PatchOutcome[] = [];
  for (const [index, patch] of patches.entries()) {
    context.signal?.throwIfAborted();
    outcomes.push(await evaluatePatch(dataset, patch, predictor, withMasks));
    context.reporter.progress({ task: `evaluation: ${split}`, done: index + 1, total: patches.length });
  }
  const evaluation = summariseOutcomes(
    context.config.seed,
    dataset,
    split,
    outcomes,
    predictor.stages,
    withMasks,
  );
  await writePatchTable(context.run.path("evaluation", `${split}-patches.csv`), outcomes, predictor.stages);
  await writeFileAtomically(
    context.run.path("evaluation", `${split}.json`),
    `${JSON.stringify(evaluation, null, 2)}\n`,
  );
  return evaluation;
}

async function evaluatePatch(
  dataset: Dataset,
  patch: PatchRecord,
  predictor: PatchPredictor,
  withMasks: boolean,
): Promise<PatchOutcome> {
  const { probability, masks } = await predictor.predict(patch, withMasks);
  if (!withMasks) return { patch, probability, confusions: {} };
  const target = await loadPatchMask(patch, dataset.patchSize);
  const counted = Object.entries(masks).map(([stage, mask]: [string, Mask]) => [
    stage,
    confusion(mask, target),
  ]);
  return { patch, probability, confusions: Object.fromEntries(counted) };
}

function summariseOutcomes(
  seed: number,
  dataset: Dataset,
  split: Split,
  outcomes: readonly PatchOutcome[],
  stages: readonly string[],
  withMasks: boolean,
): RunEvaluation {
  const classification = summariseClassification(
    outcomes.map(({ patch, probability }) => ({
      id: patch.id,
      group: patch.patient,
      label: patch.label,
      score: probability,
    })),
    { seed, resamples },
  );
  const evaluated = (stage: string): EvaluatedPatch[] =>
    outcomes.flatMap(({ patch, confusions }) => {
      const counts = confusions[stage];
      return counts === undefined
        ? []
        : [{ id: patch.id, group: patch.patient, label: patch.label, confusion: counts }];
    });
  return {
    split,
    datasetRoot: dataset.root,
    datasetHash: dataset.hash,
    patches: outcomes.length,
    classification,
    stages: stages.map((stage) => ({
      stage,
      summary: withMasks ? summarise(evaluated(stage), { seed, resamples }) : null,
    })),
    missing: withMasks ? null : `the split ${split} has no pixel masks for its positive patches`,
  };
}

async function writePatchTable(
  path: string,
  outcomes: readonly PatchOutcome[],
  stages: readonly string[],
): Promise<void> {
  const rows = outcomes.map(({ patch, probability, confusions }) => {
    const figures = stages.flatMap((stage) => {
      const counts = confusions[stage];
      if (counts === undefined) return [];
      const { dice, iou } = patchOverlap(counts);
      return [
        [`${stage}_dice`, dice.toFixed(6)],
        [`${stage}_iou`, iou.toFixed(6)],
        [`${stage}_tp`, counts.tp],
        [`${stage}_fp`, counts.fp],
        [`${stage}_fn`, counts.fn],
      ];
    });
    return {
      patch: patch.id,
      patient: patch.patient,
      label: patch.label,
      probability: probability.toFixed(6),
      ...Object.fromEntries(figures),
    };
  });
  await writeFileAtomically(path, stringify(rows, { header: true }));
}
