export { filled, type Initializer, normal, uniformFanIn, xavierUniform } from "./initializers.js";
export { type AttentionInputs, type AttentionOptions, attention } from "./layers/attention.js";
export {
  type BatchNormParameters,
  type BatchNormResult,
  batchNormAffine,
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
  type WeightedDiceOptions,
  type WeightedMaskLosses,
  weightedMaskLosses,
} from "./losses.js";
export { type AdamOptions, adam, adamW, type Optimizer } from "./optimizers.js";
export {
  frozenParameters,
  lookupWithin,
  type ParameterLookup,
  ParameterSet,
  type ParameterSource,
} from "./parameters.js";
export { constantSchedule, cosineSchedule, type Schedule, stepSchedule, warmedUp } from "./schedules.js";
export {
  type Buffers,
  isOptimizerState,
  optimizerStateName,
  type TrainingStepOptions,
} from "./step-graph.js";
export { type StepResult, type StepSession, TrainingStep } from "./training-step.js";
