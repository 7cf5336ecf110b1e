export { filled, type Initializer, normal, xavierUniform } from "./initializers.js";
export { type AttentionInputs, type AttentionOptions, attention } from "./layers/attention.js";
export {
  type BatchNormParameters,
  type BatchNormResult,
  batchNormEvaluation,
  batchNormSynchronised,
  batchNormTraining,
} from "./layers/batch-norm.js";
export { layerNorm, layerNorm2d } from "./layers/layer-norm.js";
export { affine, linear, multilayerPerceptron } from "./layers/linear.js";
export { initialLossScale, type LossScale, nextLossScale } from "./loss-scaling.js";
export {
  binaryCrossEntropyWithLogits,
  OVERLAP_SMOOTHING,
  type OverlapLosses,
  overlapLosses,
} from "./losses.js";
export { type AdamOptions, adam, adamW, type Optimizer } from "./optimizers.js";
export { frozenParameters, lookupWithin, type ParameterLookup, ParameterSet } from "./parameters.js";
export { constantSchedule, cosineSchedule, type Schedule, stepSchedule } from "./schedules.js";
export {
  type Buffers,
  isOptimizerState,
  optimizerStateName,
  type StepResult,
  type StepSession,
  TrainingStep,
  type TrainingStepOptions,
} from "./training-step.js";
