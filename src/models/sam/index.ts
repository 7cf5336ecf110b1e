export { featureProjectionShapes } from "./decoder-features.js";
export { type DecoderGraph, type DecoderGraphOptions, decoderGraph, decoderInputs } from "./decoder-graph.js";
export { type EncoderStages, minisamStages, openMinisamWithStages } from "./encoder-stages.js";
export { type ImageEncoder, minisamEncoderId, normalisedInput, openMinisamEncoder } from "./image-encoder.js";
export { decodeMasks, type MaskDecoderInputs, type MaskPrediction } from "./mask-decoder.js";
export { MaskPredictor, type MaskPredictorOptions, type PredictedMask } from "./mask-predictor.js";
export { MaskPromptEmbedder } from "./mask-prompt-embedder.js";
export {
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  embeddingPositions,
  encodePrompts,
  type PromptEmbeddings,
  type PromptValues,
} from "./prompt-encoder.js";
export { batchPoints, type PatchPrompt, type PointFeeds, promptFeeds } from "./prompt-feeds.js";
export {
  type Boxes,
  type CoordinateSpace,
  createSamFrame,
  LOW_RESOLUTION_SIZE,
  type Points,
  type PromptFrame,
  patchPoints,
  SAM_INPUT_SIZE,
  type SamFrame,
  type Size,
} from "./transforms.js";
export {
  detectVitVariant,
  type NamedShapes,
  type VitArchitecture,
  type VitVariant,
  vitArchitectures,
  vitTensors,
  vitVariants,
} from "./vit-architecture.js";
export { openVitEncoder, requireVitVariant, type VitEncoderOptions, vitEncoderId } from "./vit-encoder.js";
export { type TensorSource, VitModel } from "./vit-model.js";
