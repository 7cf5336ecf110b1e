export {
  averageLevels,
  averageScales,
  normaliseLevels,
  quantiseActivations,
} from "./activation-levels.js";
export {
  type ActivationMap,
  type ActivationMapOptions,
  ClassActivationMapper,
} from "./class-activation-mapper.js";
export { PatchClassifier } from "./classifier-probabilities.js";
export type { ClassifierForEvaluation } from "./classifier-session.js";
export { idsScore, isPseudoLabel, PAPER_IDS_THRESHOLD } from "./ids.js";
export {
  cutOffLevel,
  type InitialMaskOptions,
  type InitialMaskProfile,
  initialMask,
  initialMaskProfiles,
} from "./initial-mask.js";
export { activationLogits } from "./mask-prompt.js";
export { PAPER_POINT_COUNT, pointsInActivation, pointsInMask } from "./point-prompts.js";
export {
  activationPrompt,
  type PatchActivation,
  type PromptSettings,
  patchActivation,
  takesMaskPrompt,
} from "./prompted-activation.js";
export { weightedSample } from "./weighted-sample.js";
