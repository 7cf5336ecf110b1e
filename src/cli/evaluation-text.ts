import { signed } from "../common/index.js";
import { stageTitle } from "../contract/index.js";
import type { Estimate, MetricName } from "../evaluation/index.js";
import { classificationThreshold, type RunEvaluation } from "../run/index.js";
import { textTable } from "./text-table.js";

interface Block {
  readonly title: string;
  readonly columns: readonly (readonly [name: string, metric: MetricName])[];
}

/** The figures in blocks that fit a terminal of ordinary width. */
const blocks: readonly Block[] = [
  {
    title: "Positive patches (mean per patch, the authors' Dice and IoU), and area of negatives predicted",
    columns: [
      ["Dice", "positiveDice"],
      ["IoU", "positiveIou"],
      ["FP area", "falsePositiveArea"],
    ],
  },
  {
    title: "All patches (mean per patch), and mean IoU of foreground and background",
    columns: [
      ["Dice", "dice"],
      ["IoU", "iou"],
      ["mean IoU", "meanIou"],
    ],
  },
  {
    title: "All pixels together",
    columns: [
      ["Dice", "pooledDice"],
      ["precision", "precision"],
      ["recall", "recall"],
    ],
  },
];

/** The stage table and the classifier's figures, every value with its 95 % interval. */
export function evaluationText(evaluation: RunEvaluation): string[] {
  const { split, patches, classification, missing, resamples } = evaluation;
  const negatives = patches - classification.positives;
  const unit = classification.resampledBy === "group" ? "patients" : "patches";
  return [
    `Split ${split}: ${classification.positives} positive and ${negatives} negative patches`,
    `In brackets: 95 % bootstrap intervals over ${unit}, ${resamples} resamples`,
    ...(missing === null ? stageText(evaluation) : ["", `No pixel figures: ${missing}.`]),
    "",
    ...classificationText(evaluation),
  ];
}

function stageText(evaluation: RunEvaluation): string[] {
  return [...figureBlocks(evaluation), ...comparisonBlock(evaluation)];
}

/** What fine-tuning gains, as differences over the same resamples. */
function comparisonBlock({ comparisons }: RunEvaluation): string[] {
  if (comparisons.length === 0) return [];
  const rows = comparisons.map(({ stage, against, differences }) => [
    stageTitle(stage),
    stageTitle(against),
    estimateText(differences.meanIou, (value) => signed(value)),
    estimateText(differences.positiveDice, (value) => signed(value)),
  ]);
  const title = "Gained over the starting points (differences, paired resamples)";
  return ["", title, ...textTable(["Stage", "against", "mean IoU", "Dice, positives"], rows)];
}

function figureBlocks({ stages }: RunEvaluation): string[] {
  return blocks.flatMap(({ title, columns }) => {
    const rows = stages.map(({ stage, summary }) => [
      stageTitle(stage),
      ...columns.map(([, metric]) => estimateText(summary?.metrics[metric])),
    ]);
    return ["", title, ...textTable(["Stage", ...columns.map(([name]) => name)], rows)];
  });
}

function classificationText(evaluation: RunEvaluation): string[] {
  const { classification } = evaluation;
  const { auc, accuracy, sensitivity, specificity } = classification.metrics;
  const rows = [
    ["AUC", estimateText(auc)],
    ["accuracy", estimateText(accuracy)],
    ["sensitivity", estimateText(sensitivity)],
    ["specificity", estimateText(specificity)],
  ];
  return textTable([`Patch classifier, threshold ${classificationThreshold(evaluation)}`, ""], rows);
}

/** `0.812 [0.780, 0.840]`, or `–` where a figure is not defined. */
function estimateText(
  estimate: Estimate | null | undefined,
  format = (number: number) => number.toFixed(3),
): string {
  if (estimate === null || estimate === undefined) return "–";
  const [value, low, high] = [estimate.value, estimate.low, estimate.high].map(format);
  return `${value} [${low}, ${high}]`;
}
