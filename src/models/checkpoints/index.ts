export { type ClassifierVariant, loadClassifier, loadInitialClassifier } from "./classifier.js";
export {
  type CheckpointKind,
  type ConvertedCheckpoint,
  checkpointKinds,
  convertCheckpoint,
} from "./convert.js";
export { type LoadHeadOptions, loadInitialBackbone, loadInitialHead } from "./dense-head.js";
export { type LoadedDecoder, loadMaskDecoder } from "./mask-decoder.js";
export {
  type LeftOut,
  type LoadedWeights,
  openModelWeights,
} from "./model-weights.js";
export { openWholeSam, type WholeSam } from "./whole-sam.js";
