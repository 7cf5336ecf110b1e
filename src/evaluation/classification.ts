import {
  type BootstrapOptions,
  bootstrap,
  type Estimate,
  planResampling,
  type ResamplingUnit,
} from "./bootstrap.js";

/** One patch as the patch classifier scores it. */
export interface PatchScore {
  readonly id: string;
  /** The slide, patient or source image, whose patches are resampled together. */
  readonly group?: string | undefined;
  readonly label: 0 | 1;
  /** The probability of tumour, 0 to 1. */
  readonly score: number;
}

export const CLASSIFICATION_METRIC_NAMES = ["accuracy", "sensitivity", "specificity", "auc"] as const;

/** `sensitivity` is the accuracy on patches labelled 1, `specificity` on those labelled 0. */
export type ClassificationMetricName = (typeof CLASSIFICATION_METRIC_NAMES)[number];

export interface ClassificationSummary {
  readonly patches: number;
  readonly positives: number;
  readonly resampledBy: ResamplingUnit;
  /** `null` where not defined, for example the AUC with one class only. */
  readonly metrics: Readonly<Record<ClassificationMetricName, Estimate | null>>;
}

export interface ClassificationOptions extends BootstrapOptions {
  /** Scores at or above it are predicted tumour; default 0.5. */
  readonly threshold?: number | undefined;
}

interface WeightedScore {
  readonly label: 0 | 1;
  readonly score: number;
  readonly unit: number;
}

/**
 * How well scores separate the labels, with 95 % percentile bootstrap intervals.
 * @throws EpSamError `configuration` when the number of resamples is not a positive integer.
 */
export function summariseClassification(
  patches: readonly PatchScore[],
  options: ClassificationOptions,
): ClassificationSummary {
  const plan = planResampling(patches);
  const threshold = options.threshold ?? 0.5;
  const sorted: WeightedScore[] = plan.units
    .flatMap((unit, index) => unit.map(({ label, score }) => ({ label, score, unit: index })))
    .sort((a, b) => a.score - b.score);
  const metrics = bootstrap(
    plan.units.length,
    CLASSIFICATION_METRIC_NAMES,
    (draws) => metricsOf(sorted, draws, threshold),
    options,
  );
  const positives = patches.filter((patch) => patch.label === 1).length;
  return { patches: patches.length, positives, resampledBy: plan.unit, metrics };
}

function metricsOf(
  sorted: readonly WeightedScore[],
  draws: Int32Array,
  threshold: number,
): Record<ClassificationMetricName, number | undefined> {
  const total = [0, 0];
  const correct = [0, 0];
  for (const { label, score, unit } of sorted) {
    const weight = draws[unit] ?? 0;
    total[label] = (total[label] ?? 0) + weight;
    if (score >= threshold === (label === 1)) correct[label] = (correct[label] ?? 0) + weight;
  }
  const [negatives = 0, positives = 0] = total;
  const [correctNegatives = 0, correctPositives = 0] = correct;
  const patches = negatives + positives;
  return {
    accuracy: patches === 0 ? undefined : (correctNegatives + correctPositives) / patches,
    sensitivity: positives === 0 ? undefined : correctPositives / positives,
    specificity: negatives === 0 ? undefined : correctNegatives / negatives,
    auc:
      negatives === 0 || positives === 0
        ? undefined
        : areaUnderCurve(sorted, draws) / (negatives * positives),
  };
}

/** Pairs of a positive and a negative that the scores order rightly; a tie counts half (Mann–Whitney U). */
function areaUnderCurve(sorted: readonly WeightedScore[], draws: Int32Array): number {
  let pairs = 0;
  let negativesBelow = 0;
  let tiedNegatives = 0;
  let tiedPositives = 0;
  let tiedScore = Number.NaN;
  const closeTie = () => {
    pairs += tiedPositives * (negativesBelow + tiedNegatives / 2);
    negativesBelow += tiedNegatives;
    tiedNegatives = 0;
    tiedPositives = 0;
  };
  for (const { label, score, unit } of sorted) {
    if (score !== tiedScore) closeTie();
    tiedScore = score;
    if (label === 1) tiedPositives += draws[unit] ?? 0;
    else tiedNegatives += draws[unit] ?? 0;
  }
  closeTie();
  return pairs;
}
