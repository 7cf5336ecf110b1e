export { hasPixelMasks, loadPatchImage, loadPatchMask } from "./load-patch.js";
export { formatManifest, MANIFEST_COLUMNS, MANIFEST_FILE, readManifest } from "./manifest.js";
export { DESCRIPTION_FILE, type OpenDatasetOptions, openDataset } from "./open-dataset.js";
export type {
  BorderRule,
  DiscardedPatches,
  EvaluationPatches,
  InputKind,
  MaskValues,
  PreparationResult,
  PreparationSettings,
  PrepareOptions,
  SkippedInput,
} from "./preparation/options.js";
export { prepareDataset } from "./preparation/prepare.js";
export type { Dataset, LabelCounts, ManifestRow, PatchLabel, PatchRecord, Split } from "./records.js";
export { compareRows, countLabels, isSplit, patchFileName, SPLITS } from "./records.js";
export { describeCounts, validateForTraining } from "./validate.js";
