import { EpSamError } from "../common/index.js";
import {
  type BootstrapOptions,
  bootstrap,
  type Estimate,
  planResampling,
  type ResamplingUnit,
} from "./bootstrap.js";
import {
  type EvaluatedPatch,
  METRIC_NAMES,
  type MetricName,
  metricsOf,
  tableOf,
  weightedTotals,
} from "./totals.js";

export interface EvaluationSummary {
  readonly patches: number;
  readonly positives: number;
  readonly negatives: number;
  readonly groups: number;
  /** What the confidence intervals resample. */
  readonly resampledBy: ResamplingUnit;
  /** A metric is `null` where it is not defined, for example precision when nothing is predicted. */
  readonly metrics: Readonly<Record<MetricName, Estimate | null>>;
}

/**
 * The figures of a set of patches with 95 % percentile bootstrap intervals.
 * @throws EpSamError `configuration` when the number of resamples is not a positive integer.
 */
export function summarise(patches: readonly EvaluatedPatch[], options: BootstrapOptions): EvaluationSummary {
  const plan = planResampling(patches);
  const table = tableOf(plan.units);
  const compute = (draws: Int32Array) => metricsOf(weightedTotals(table, draws));
  const metrics = bootstrap(plan.units.length, METRIC_NAMES, compute, options);
  const positives = patches.filter((patch) => patch.label === 1).length;
  return {
    patches: patches.length,
    positives,
    negatives: patches.length - positives,
    groups: new Set(patches.map((patch) => patch.group ?? patch.id)).size,
    resampledBy: plan.unit,
    metrics,
  };
}

/** Two predictions for the same patch. */
interface PairedPatch {
  readonly group?: string | undefined;
  readonly first: EvaluatedPatch;
  readonly second: EvaluatedPatch;
}

/**
 * The differences `second` − `first` of every metric between two predictions for the same patches, with 95 %
 * percentile bootstrap intervals. Both are resampled together, so what makes a patient hard for both cancels out:
 * two predictions can differ clearly although their own intervals overlap.
 * @throws EpSamError `shape` when the two do not cover the same patches; `configuration` when the number of
 *   resamples is not a positive integer.
 */
export function pairedDifferences(
  first: readonly EvaluatedPatch[],
  second: readonly EvaluatedPatch[],
  options: BootstrapOptions,
): Record<MetricName, Estimate | null> {
  const plan = planResampling(paired(first, second));
  const before = tableOf(plan.units.map((unit) => unit.map((pair) => pair.first)));
  const after = tableOf(plan.units.map((unit) => unit.map((pair) => pair.second)));
  const compute = (draws: Int32Array) => {
    const [from, to] = [metricsOf(weightedTotals(before, draws)), metricsOf(weightedTotals(after, draws))];
    const difference = (name: MetricName) => {
      const [low, high] = [from[name], to[name]];
      return low === undefined || high === undefined ? undefined : high - low;
    };
    return Object.fromEntries(METRIC_NAMES.map((name) => [name, difference(name)])) as Record<
      MetricName,
      number | undefined
    >;
  };
  return bootstrap(plan.units.length, METRIC_NAMES, compute, options);
}

function paired(first: readonly EvaluatedPatch[], second: readonly EvaluatedPatch[]): PairedPatch[] {
  const others = new Map(second.map((patch) => [patch.id, patch]));
  return first.map((patch) => {
    const other = others.get(patch.id);
    if (other === undefined || second.length !== first.length) {
      throw new EpSamError("shape", {
        what: "only predictions for the same patches can be compared",
        why:
          other === undefined
            ? `${patch.id} was predicted once`
            : `${first.length} and ${second.length} patches`,
      });
    }
    return { group: patch.group, first: patch, second: other };
  });
}
