import { EpSamError } from "../common/index.js";
import {
  absolute,
  add,
  type FloatTensor,
  floats,
  floatTensor,
  greater,
  sum,
  type Value,
} from "../graph/index.js";

/**
 * Dynamic loss scaling (Micikevicius et al., 2018, arXiv 1710.03740, section 3.2). In float16, gradients below 6·10⁻⁸
 * become zero and above 65504 infinite; a factor on the loss moves them into that range and is taken out again before
 * the optimizer.
 */
export interface LossScale {
  /** The factor, a power of two, so that it costs no precision. */
  readonly scale: number;
  /** Steps with finite gradients since the factor changed. */
  readonly finiteSteps: number;
}

/** PyTorch's values for `GradScaler`. */
export const initialLossScale: LossScale = { scale: 2 ** 16, finiteSteps: 0 };
const GROWTH_INTERVAL = 2000;
const GROWTH = 2;
const LARGEST_SCALE = 2 ** 24;
/** Below this it is not the factor that makes numbers infinite. */
const SMALLEST_SCALE = 2 ** -14;

/**
 * The factor after a step: half of it where a gradient was not finite (the step is then left out), twice after 2000
 * finite steps in a row.
 * @throws EpSamError `numerical` when even a tiny factor gives gradients that are not finite.
 */
export function nextLossScale({ scale, finiteSteps }: LossScale, finite: boolean): LossScale {
  if (!finite) {
    const smaller = scale / GROWTH;
    if (smaller >= SMALLEST_SCALE) return { scale: smaller, finiteSteps: 0 };
    throw new EpSamError("numerical", {
      what: `gradients are not finite, whatever the scale of the loss (now ${smaller})`,
      where: "float16 training",
      why: "the model's numbers leave the range of float16, or training diverged",
      action: "Train with precision: float32, or lower the learning rate.",
    });
  }
  if (finiteSteps + 1 < GROWTH_INTERVAL) return { scale, finiteSteps: finiteSteps + 1 };
  return { scale: Math.min(LARGEST_SCALE, scale * GROWTH), finiteSteps: 0 };
}

/** The loss scale as part of a checkpoint. */
export const lossScaleTensor = ({ scale, finiteSteps }: LossScale): FloatTensor =>
  floatTensor([2], Float32Array.of(scale, finiteSteps));

/** Reads {@link lossScaleTensor} back; without one the first scale. */
export function lossScaleFrom(tensor: FloatTensor | undefined): LossScale {
  const [scale = initialLossScale.scale, finiteSteps = initialLossScale.finiteSteps] = tensor?.data ?? [];
  return { scale, finiteSteps };
}

/** Far from infinity, so that a sum that is above it can be told from one that is not. */
const FINITE = 3e38;

/** A truth value [], whether every element of every value is finite: one that is not makes the sum so. */
export function allFinite(values: readonly Value[]): Value {
  const total = values.map((value) => sum(absolute(value))).reduce((a, b) => add(a, b), floats(0));
  return greater(floats(FINITE), total);
}
