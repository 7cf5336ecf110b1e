import { roundOf, roundStage } from "../contract/index.js";
import {
  type Estimate,
  type EvaluatedPatch,
  METRIC_NAMES,
  type MetricName,
  pairedDifferences,
} from "../evaluation/index.js";
import { evaluationFolder, readEvaluation } from "./evaluation-files.js";
import type { RunDirectory } from "./run-directory.js";

/** What a round with corrections changed, on the test split of the run's data. */
export interface RetrainingComparison {
  /** Stages: the one that the round started from, and the round. */
  readonly before: string;
  readonly after: string;
  /** The same for both. */
  readonly patches: number;
  readonly figures: readonly {
    readonly name: MetricName;
    readonly before: number | null;
    readonly after: number | null;
    /** `after` − `before` with its 95 % interval over the same resampled patients; null where it is not defined. */
    readonly difference: Estimate | null;
  }[];
}

/** As in the evaluation of the run. */
const RESAMPLES = 1000;

/**
 * Compares the round with corrections with the stage it started from, patch by patch, from the evaluation that ended
 * the run. Null for runs without corrections, and as long as they are not evaluated; without pixel masks there are
 * no figures.
 * @throws EpSamError `run-directory` when the evaluation cannot be understood
 */
export async function compareWithOrigin(run: RunDirectory, seed = 0): Promise<RetrainingComparison | null> {
  const { retraining, dataset } = run.record;
  if (retraining === undefined) return null;
  const found = await readEvaluation(evaluationFolder(run, dataset), "test");
  if (found === undefined) return null;
  const { evaluation, patches } = found;
  const before = retraining.from.stage;
  const after = roundStage(roundOf(before) + 1);
  if (evaluation.missing !== null) return { before, after, patches: 0, figures: [] };
  const predicted = (stage: string): EvaluatedPatch[] =>
    patches.flatMap(({ id, patient, label, confusions }) => {
      const confusion = confusions[stage];
      return confusion === undefined ? [] : [{ id, group: patient, label, confusion }];
    });
  const differences = pairedDifferences(predicted(before), predicted(after), { seed, resamples: RESAMPLES });
  const figureOf = (stage: string, name: MetricName): number | null =>
    evaluation.stages.find((entry) => entry.stage === stage)?.summary?.metrics[name]?.value ?? null;
  const figures = METRIC_NAMES.map((name) => ({
    name,
    before: figureOf(before, name),
    after: figureOf(after, name),
    difference: differences[name],
  }));
  return { before, after, patches: evaluation.patches, figures };
}
