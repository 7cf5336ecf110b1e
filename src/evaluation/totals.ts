import type { Confusion } from "./confusion.js";
import { dice, iou, overlapOf } from "./overlap.js";

/** One evaluated patch; masks are no longer needed, so evaluation streams. */
export interface EvaluatedPatch {
  readonly id: string;
  /** The slide, patient or source image, whose patches are resampled together. */
  readonly group?: string | undefined;
  /** 1 when the patch contains tumour, else 0. */
  readonly label: 0 | 1;
  readonly confusion: Confusion;
}

/** In the order in which tables show them. */
export const METRIC_NAMES = [
  "dice",
  "iou",
  "positiveDice",
  "positiveIou",
  "pooledDice",
  "pooledIou",
  "meanIou",
  "precision",
  "recall",
  "pixelAccuracy",
  "falsePositiveArea",
] as const;

/**
 * - `dice`, `iou`: the authors' figures, per patch with smoothing 1e-3, mean over all patches;
 * - `positiveDice`, `positiveIou`: the same, mean over the patches labelled 1;
 * - `pooledDice`, `pooledIou`: over all pixels of all patches together;
 * - `meanIou`: mean of the pooled IoU of foreground and of background;
 * - `precision`, `recall`, `pixelAccuracy`: over all pixels;
 * - `falsePositiveArea`: the fraction of the pixels of patches labelled 0 that is predicted foreground.
 */
export type MetricName = (typeof METRIC_NAMES)[number];

/** Sums over patches, from which every metric follows; they add up, so a resample only weighs them. */
type Totals = Readonly<Record<TotalName, number>>;

const TOTAL_NAMES = [
  "tp",
  "fp",
  "fn",
  "tn",
  "patches",
  "dice",
  "iou",
  "positives",
  "positiveDice",
  "positiveIou",
  "negativePixels",
  "negativeFalsePositives",
] as const;

type TotalName = (typeof TOTAL_NAMES)[number];

/** Dice and IoU of one patch as the authors define them. */
export function patchOverlap(counts: Confusion): { dice: number; iou: number } {
  const overlap = overlapOf(counts);
  return { dice: dice(overlap), iou: iou(overlap) };
}

function totalsOfPatch({ label, confusion: counts }: EvaluatedPatch): Totals {
  const overlap = patchOverlap(counts);
  const { tp, fp, fn, tn } = counts;
  const isNegative = label === 0;
  return {
    tp,
    fp,
    fn,
    tn,
    patches: 1,
    ...overlap,
    positives: label,
    positiveDice: label * overlap.dice,
    positiveIou: label * overlap.iou,
    negativePixels: isNegative ? tp + fp + fn + tn : 0,
    negativeFalsePositives: isNegative ? tp + fp : 0,
  };
}

/** One row of {@link TOTAL_NAMES} per unit: a flat table, since every resample runs through all of it. */
export function tableOf(units: readonly (readonly EvaluatedPatch[])[]): Float64Array {
  const table = new Float64Array(units.length * TOTAL_NAMES.length);
  for (const [unit, patches] of units.entries()) {
    for (const totals of patches.map(totalsOfPatch)) {
      for (const [column, name] of TOTAL_NAMES.entries()) {
        const at = unit * TOTAL_NAMES.length + column;
        table[at] = (table[at] ?? 0) + totals[name];
      }
    }
  }
  return table;
}

/** The sum of the rows, each as often as it was drawn. */
export function weightedTotals(table: Float64Array, draws: Int32Array): Totals {
  const columns = TOTAL_NAMES.length;
  const sums = new Float64Array(columns);
  for (let unit = 0; unit < draws.length; unit++) {
    const weight = draws[unit] ?? 0;
    if (weight === 0) continue;
    for (let column = 0; column < columns; column++) {
      sums[column] = (sums[column] ?? 0) + weight * (table[unit * columns + column] ?? 0);
    }
  }
  return Object.fromEntries(TOTAL_NAMES.map((name, column) => [name, sums[column] ?? 0])) as Totals;
}

export function metricsOf(totals: Totals): Record<MetricName, number | undefined> {
  const { tp, fp, fn, tn } = totals;
  const foreground = ratio(tp, tp + fp + fn);
  const background = ratio(tn, tn + fp + fn);
  return {
    dice: ratio(totals.dice, totals.patches),
    iou: ratio(totals.iou, totals.patches),
    positiveDice: ratio(totals.positiveDice, totals.positives),
    positiveIou: ratio(totals.positiveIou, totals.positives),
    pooledDice: ratio(2 * tp, 2 * tp + fp + fn),
    pooledIou: foreground,
    meanIou: foreground === undefined || background === undefined ? undefined : (foreground + background) / 2,
    precision: ratio(tp, tp + fp),
    recall: ratio(tp, tp + fn),
    pixelAccuracy: ratio(tp + tn, tp + fp + fn + tn),
    falsePositiveArea: ratio(totals.negativeFalsePositives, totals.negativePixels),
  };
}

/** Undefined, rather than NaN or a made-up 0, where there is nothing to divide by. */
function ratio(part: number, whole: number): number | undefined {
  return whole === 0 ? undefined : part / whole;
}
