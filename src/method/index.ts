export {
  averageLevels,
  averageScales,
  normaliseLevels,
  quantiseActivations,
} from "./activation-levels.js";
export { type ChannelNoise, disturbed, drawChannelNoise } from "./channel-noise.js";
export { type ChannelStatistics, ChannelSums } from "./channel-statistics.js";
export {
  type ActivationMap,
  type ActivationMapOptions,
  ClassActivationMapper,
} from "./class-activation-mapper.js";
export { type ClassifierForEvaluation, resizedTo, sigmoid } from "./classifier-session.js";
export {
  DenseActivationClassifier,
  type DenseClassifierForEvaluation,
  denseTensors,
  highestMean,
} from "./dense-activation.js";
export { type EmbeddingSource, FreshEmbeddings } from "./embedding-source.js";
export { idsScore, type ScoredPatch, type SelectionSettings, selectPseudoLabels } from "./ids.js";
export {
  cutOffLevel,
  type InitialMaskOptions,
  type InitialMaskProfile,
  initialMask,
  initialMaskProfiles,
} from "./initial-mask.js";
export {
  decoderOffset,
  type MaskDecoder,
  type MaskDecoderOptions,
  openMaskDecoder,
  type PatchView,
  pyramidSide,
} from "./mask-decoders.js";
export { activationLogits } from "./mask-prompt.js";
export {
  activationPrompt,
  foregroundOf,
  Method,
  type MethodModels,
  type MethodSettings,
  type PromptSettings,
  probabilitiesOf,
  promptSlots,
  takesMaskPrompt,
} from "./method.js";
export { OpenOnce } from "./open-once.js";
export { type ActivationClassifier, type ClassifierActivation, PatchActivation } from "./patch-activation.js";
export { pointsInActivation, pointsInMask } from "./point-prompts.js";
export { weightedSample } from "./weighted-sample.js";
