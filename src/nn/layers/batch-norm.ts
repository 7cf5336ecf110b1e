import {
  add,
  batchNorm,
  channelAffine,
  channelMoments,
  divide,
  floats,
  multiply,
  relu,
  reshape,
  scale,
  shape4,
  slice,
  sqrt,
  square,
  stackRows,
  subtract,
  synchronised,
  type Value,
} from "../../graph/index.js";

/** PyTorch's defaults for `BatchNorm2d`. */
const defaultEpsilon = 1e-5;
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

/**
 * Batch normalisation by the running statistics as an affine map of each channel: factor and shift, [C]. A convolution
 * before it takes the factor into its weights and the shift as its bias, and no pass over images is left.
 */
export function batchNormAffine(
  { weight, bias, runningMean, runningVariance }: BatchNormParameters,
  epsilon = defaultEpsilon,
): { readonly factor: Value; readonly shift: Value } {
  const factor = divide(weight, sqrt(add(runningVariance, floats(epsilon))));
  return { factor, shift: subtract(bias, multiply(runningMean, factor)) };
}

/** Batch normalisation of [N, C, H, W] by the running statistics (Ioffe and Szegedy, 2015; evaluation). */
export function batchNormEvaluation(x: Value, parameters: BatchNormParameters): Value {
  const { factor, shift } = batchNormAffine(parameters);
  return channelAffine(x, factor, shift);
}

/**
 * Batch normalisation of [N, C, H, W] by the batch's own statistics (Ioffe and Szegedy, 2015; training). The
 * running variance takes the unbiased estimate, as PyTorch's does.
 */
export function batchNormTraining(x: Value, parameters: BatchNormParameters): BatchNormResult {
  const { mean, variance } = momentsOf(x);
  const output = batchNorm(x, parameters.weight, parameters.bias, defaultEpsilon);
  return { output, ...nextRunning(parameters, mean, variance, pixelsOf(x)) };
}

/**
 * As {@link batchNormTraining}, for micro-batches of equal size that run in lock step: the statistics, and through
 * them the gradients, are those of all micro-batches together.
 * @param count number of micro-batches
 */
export function batchNormSynchronised(
  x: Value,
  parameters: BatchNormParameters,
  count: number,
): BatchNormResult {
  const own = momentsOf(x);
  // Means of x and x² are also the whole batch's, when they are averaged; variances are not.
  const moments = synchronised(stackRows([own.mean, add(own.variance, square(own.mean))]));
  const [mean, second] = [row(moments, 0), row(moments, 1)];
  const variance = relu(subtract(second, square(mean)));
  const factor = divide(parameters.weight, sqrt(add(variance, floats(defaultEpsilon))));
  const output = channelAffine(x, factor, subtract(parameters.bias, multiply(mean, factor)));
  return { output, ...nextRunning(parameters, mean, variance, count * pixelsOf(x)) };
}

function momentsOf(x: Value): { readonly mean: Value; readonly variance: Value } {
  const moments = channelMoments(x);
  return { mean: row(moments, 0), variance: row(moments, 1) };
}

/** Row `index` of [rows, C], as [C]. */
function row(matrix: Value, index: number): Value {
  const [, length] = matrix.shape;
  return reshape(slice(matrix, [{ axis: 0, start: index, end: index + 1 }]), [length ?? 0]);
}

/** Numbers that each channel's statistics are taken over. */
function pixelsOf(x: Value): number {
  const [batch, , height, width] = shape4(x, "batch norm");
  return batch * height * width;
}

function nextRunning(
  { runningMean, runningVariance }: BatchNormParameters,
  mean: Value,
  variance: Value,
  count: number,
): Omit<BatchNormResult, "output"> {
  const unbiased = count > 1 ? count / (count - 1) : 1;
  return {
    nextRunningMean: blend(runningMean, mean),
    nextRunningVariance: blend(runningVariance, scale(variance, unbiased)),
  };
}

function blend(running: Value, fresh: Value): Value {
  return add(scale(running, 1 - momentum), scale(fresh, momentum));
}
