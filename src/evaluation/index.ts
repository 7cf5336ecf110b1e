export { type BootstrapOptions, bootstrap, type Estimate, type ResamplingUnit } from "./bootstrap.js";
export {
  CLASSIFICATION_METRIC_NAMES,
  type ClassificationMetricName,
  type ClassificationOptions,
  type ClassificationSummary,
  type PatchScore,
  summariseClassification,
} from "./classification.js";
export { addConfusions, type Confusion, confusion, emptyConfusion } from "./confusion.js";
export { dice, iou, type Overlap, overlapOf, SMOOTHING } from "./overlap.js";
export { type EvaluationSummary, pairedDifferences, summarise } from "./summary.js";
export { type EvaluatedPatch, METRIC_NAMES, type MetricName, patchOverlap } from "./totals.js";
