export {
  activationFolder,
  readActivation,
  writeActivation,
} from "./activation-files.js";
export {
  type ConfigOverrides,
  classifierOptions,
  decoderBackbone,
  denseOptions,
  mergeRecords,
  parseConfig,
  readConfig,
  readConfigFile,
  resolveConfig,
} from "./config.js";
export { configSchema, denseDefaults, TEACHING_RATE, type TrainingConfig } from "./config-schema.js";
export {
  conflictsOfDense,
  isTrainedTensor,
  learnsFromPixels,
  trainedBackboneBytes,
  trainsItsBackbone,
} from "./dense-keys.js";
export {
  classificationThreshold,
  evaluationFiles,
  evaluationFolder,
  type PatchFigures,
  type RunEvaluation,
  readEvaluation,
  type StageComparison,
  type StageEvaluation,
  writeEvaluation,
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
export { inheritStages } from "./inherit-stages.js";
export {
  checkKeptFiles,
  classifierFile,
  decoderFile,
  filesOfStage,
  hashStage,
  readKept,
  requireUnchanged,
  taughtSquaresFile,
} from "./kept-files.js";
export { recordedNetworks, requireRecordedNetworks } from "./network-record.js";
export { hashConfig, openRun, versions } from "./open-run.js";
export { type PresetName, presetNames, presets } from "./presets.js";
export { compareWithOrigin, type RetrainingComparison } from "./retrain-comparison.js";
export type { EncoderSource, RunContext } from "./run-context.js";
export {
  type MetricLine,
  type RetrainingRecord,
  RunDirectory,
  type RunRecord,
  type StageRecord,
} from "./run-directory.js";
export { lockRun } from "./run-lock.js";
export {
  chooseDecoderStage,
  decoderBase,
  decoderWeights,
  endsWithItsMap,
  type FeaturesFrom,
  finishedDecoderStages,
  frameOf,
  isPrompted,
  type NamedDecoder,
  openActivationMapper,
  openMethod,
  promptSettings,
  readClassifier,
  readDecoder,
  requireMoreThanSquares,
  shownPatch,
  usableDecoderStages,
} from "./run-models.js";
export { openSam, type SamSource, samSource } from "./sam-source.js";
export { type MaskScore, readScores, writeScores } from "./score-table.js";
export { featureDeviation, hasManySlides, requireConsistentDecoder, seesFeatures } from "./segmenter-keys.js";
export {
  checkPrecision,
  planStepMemory,
  type StepMemoryPlan,
  stepMemoryDefaults,
} from "./step-memory.js";
