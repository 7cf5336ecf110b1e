export { filled, type Initializer, normal, xavierUniform } from "./initializers.js";
export { batchNormEvaluation, batchNormTraining } from "./layers/batch-norm.js";
export { type AdamOptions, adam, adamW, type Optimizer } from "./optimizers.js";
export { type ParameterLookup, ParameterSet } from "./parameters.js";
export { constantSchedule, cosineSchedule, type Schedule, stepSchedule } from "./schedules.js";
export {
  type Buffers,
  isOptimizerState,
  optimizerStateName,
  TrainingStep,
  type TrainingStepOptions,
} from "./training-step.js";
