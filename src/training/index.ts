export { activationFolder, readActivation, type StoredActivation } from "./activation-files.js";
export {
  type ConfigOverrides,
  mergeRecords,
  type PresetName,
  parseConfig,
  presetNames,
  presets,
  readConfigFile,
  resolveConfig,
  type TrainingConfig,
} from "./config.js";
export {
  evaluationFiles,
  evaluationFolder,
  type PatchFigures,
  type RunEvaluation,
  readEvaluation,
  type StageEvaluation,
} from "./evaluation-files.js";
export {
  type ExportedFile,
  type ExportFormat,
  type ExportOptions,
  type ExportPart,
  exportFormats,
  exportFromRun,
  exportParts,
} from "./export-run.js";
export { type ImportedRun, type ImportRunOptions, importRun } from "./import-run.js";
export { camStage } from "./patch-predictor.js";
export { evaluateSplit, runPipeline } from "./pipeline.js";
export {
  activationPrompt,
  type PatchActivation,
  patchActivation,
  takesMaskPrompt,
} from "./prompted-activation.js";
export { type RetrainOptions, retrainWithCorrections } from "./retrain.js";
export { compareWithOrigin, type RetrainingComparison } from "./retrain-comparison.js";
export type { RunContext } from "./run-context.js";
export {
  type MetricLine,
  type RetrainingRecord,
  RunDirectory,
  type RunRecord,
  type StageRecord,
  stageNames,
} from "./run-directory.js";
export {
  chooseDecoderStage,
  classifierFile,
  decoderFile,
  decoderWeights,
  finishedDecoderStages,
  type NamedDecoder,
  openActivationMapper,
  readClassifier,
  readDecoder,
  untrainedStage,
} from "./run-models.js";
export { openSam, type SamSource, samSource } from "./sam-source.js";
export { type MaskScore, readScores } from "./score-table.js";
export { stageTitle } from "./stage-titles.js";
export { hashConfig, openRun, type TrainedRun, type TrainOptions, train } from "./start-run.js";
