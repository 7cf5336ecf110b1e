/**
 * EP-SAM: pixel-accurate segmentation of cancer in histology images, learned from patch labels alone.
 *
 * Everything the commands do is a function here. The rooms below can also be imported on their own,
 * for example `ep-sam/graph`.
 */
export {
  EpSamError,
  type ErrorFields,
  type ErrorTag,
  isEpSamError,
  type Reporter,
  silentReporter,
} from "./common/index.js";
export {
  type Dataset,
  openDataset,
  type PatchRecord,
  type PrepareOptions,
  prepareDataset,
} from "./dataset/index.js";
export { type EvaluationSummary, summarise } from "./evaluation/index.js";
export {
  chooseDevice,
  type Device,
  type DeviceChoice,
  type DeviceName,
  type DeviceRequest,
  device,
  parseDeviceRequest,
} from "./graph/index.js";
export {
  type FloatMap,
  type Mask,
  type RgbImage,
  readMask,
  readRgbImage,
  writeMaskPng,
  writePng,
} from "./imaging/index.js";
export * from "./inference/index.js";
export {
  type Project,
  type ProjectResult,
  type ProjectSettings,
  planProject,
  readProjectFile,
  resolveProject,
  runProject,
} from "./project/index.js";
export {
  openRun,
  type PresetName,
  presets,
  type RunContext,
  type RunEvaluation,
  readConfigFile,
  resolveConfig,
  type TrainingConfig,
} from "./run/index.js";
export { evaluateSplit, type TrainOptions, train } from "./training/index.js";
