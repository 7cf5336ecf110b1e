import {
  add,
  batchNorm,
  channelAffine,
  channelMoments,
  divide,
  floats,
  multiply,
  reshape,
  scale,
  shape4,
  slice,
  sqrt,
  subtract,
  type Value,
} from "../../graph/index.js";

/** PyTorch's defaults for `BatchNorm2d`. */
const epsilon = 1e-5;
const momentum = 0.1;

/** What batch normalisation reads: scale γ, shift β and the running statistics, all [C]. */
export interface BatchNormParameters {
  readonly weight: Value;
  readonly bias: Value;
  readonly runningMean: Value;
  readonly runningVariance: Value;
}

/** Normalised values and, in training, the running statistics after this batch. */
export interface BatchNormResult {
  readonly output: Value;
  readonly nextRunningMean: Value;
  readonly nextRunningVariance: Value;
}

/** Batch normalisation of [N, C, H, W] by the running statistics (Ioffe and Szegedy, 2015; evaluation). */
export function batchNormEvaluation(x: Value, parameters: BatchNormParameters): Value {
  const { weight, bias, runningMean, runningVariance } = parameters;
  const factor = divide(weight, sqrt(add(runningVariance, floats(epsilon))));
  return channelAffine(x, factor, subtract(bias, multiply(runningMean, factor)));
}

/**
 * Batch normalisation of [N, C, H, W] by the batch's own statistics (Ioffe and Szegedy, 2015; training). The
 * running variance takes the unbiased estimate, as PyTorch's does.
 */
export function batchNormTraining(x: Value, parameters: BatchNormParameters): BatchNormResult {
  const [batch, channels, height, width] = shape4(x, "batch norm");
  const moments = channelMoments(x);
  const row = (index: number) =>
    reshape(slice(moments, [{ axis: 0, start: index, end: index + 1 }]), [channels]);
  const mean = row(0);
  const variance = row(1);
  const count = batch * height * width;
  const unbiased = count > 1 ? count / (count - 1) : 1;
  return {
    output: batchNorm(x, parameters.weight, parameters.bias, epsilon),
    nextRunningMean: blend(parameters.runningMean, mean),
    nextRunningVariance: blend(parameters.runningVariance, scale(variance, unbiased)),
  };
}

function blend(running: Value, fresh: Value): Value {
  return add(scale(running, 1 - momentum), scale(fresh, momentum));
}
