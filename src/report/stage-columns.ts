import type { Estimate } from "../evaluation/index.js";
import type { StageMetric, StageRow } from "./report-data.js";

export interface StageColumn {
  readonly metric: StageMetric;
  readonly label: string;
  readonly meaning: string;
  readonly isBetter: (candidate: number, other: number) => boolean;
}

const higher = (candidate: number, other: number): boolean => candidate > other;
const lower = (candidate: number, other: number): boolean => candidate < other;

/** The columns of the stage table from left to right. */
export const STAGE_COLUMNS: readonly StageColumn[] = [
  {
    metric: "positiveDice",
    label: "Dice, positive patches",
    meaning: "the authors' figure: per patch with smoothing 0.001, mean over the positive patches",
    isBetter: higher,
  },
  {
    metric: "positiveIou",
    label: "IoU, positive patches",
    meaning: "the authors' figure: per patch with smoothing 0.001, mean over the positive patches",
    isBetter: higher,
  },
  {
    metric: "dice",
    label: "Dice, all patches",
    meaning: "the same, mean over all patches; a negative patch left empty counts 1",
    isBetter: higher,
  },
  {
    metric: "iou",
    label: "IoU, all patches",
    meaning: "the same, mean over all patches; a negative patch left empty counts 1",
    isBetter: higher,
  },
  {
    metric: "pooledDice",
    label: "Pooled Dice",
    meaning: "from the pixels of all patches together",
    isBetter: higher,
  },
  {
    metric: "meanIou",
    label: "Mean IoU",
    meaning: "average of foreground and background IoU",
    isBetter: higher,
  },
  {
    metric: "precision",
    label: "Precision",
    meaning: "share of predicted pixels that are foreground",
    isBetter: higher,
  },
  {
    metric: "recall",
    label: "Recall",
    meaning: "share of foreground pixels that were found",
    isBetter: higher,
  },
  {
    metric: "falsePositiveArea",
    label: "False-positive area",
    meaning: "predicted share of the area of negative patches; lower is better",
    isBetter: lower,
  },
];

/** The estimate of a row in a column, if that stage was measured and the figure is defined. */
export function estimateOf(row: StageRow, metric: StageMetric): Estimate | undefined {
  if ("missing" in row) return undefined;
  const estimate = row.metrics[metric];
  return estimate === undefined || !Number.isFinite(estimate.value) ? undefined : estimate;
}

/** The best value of a column as it is printed, so that equal-looking cells are all marked. */
export function bestOf(rows: readonly StageRow[], column: StageColumn): number | undefined {
  const values = rows.flatMap((row) => {
    const estimate = estimateOf(row, column.metric);
    return estimate === undefined ? [] : [printed(estimate.value)];
  });
  if (values.length < 2) return undefined;
  return values.reduce((best, value) => (column.isBetter(value, best) ? value : best));
}

/** The value rounded to the three decimals shown in the table. */
export function printed(value: number): number {
  return Number(value.toFixed(3));
}
