import { add, divide, floats, multiply, scale, sqrt, square, subtract, type Value } from "../graph/index.js";

/** The numbers of one optimizer step that change from step to step, as fed to the graph. */
export interface StepScalars {
  /** Learning rate η. */
  readonly learningRate: Value;
  /** 1 − β₁ᵗ. */
  readonly firstCorrection: Value;
  /** √(1 − β₂ᵗ). */
  readonly secondCorrection: Value;
}

/** What an optimizer makes of one parameter. */
export interface Update {
  readonly parameter: Value;
  readonly state: readonly Value[];
}

/** The numbers that make Adam or AdamW. */
export interface AdamArithmetic extends Required<AdamOptions> {
  /** Whether weight decay is taken from the parameter, as in AdamW, instead of added to the gradient. */
  readonly decoupled: boolean;
}

/** An optimizer as pure functions that add its arithmetic to a training graph. */
export interface Optimizer {
  readonly name: string;
  /** What the same updates are without a graph. */
  readonly arithmetic: AdamArithmetic;
  /** Names of the state tensors kept for each parameter, of the parameter's shape, zero at first. */
  readonly stateNames: readonly [first: string, second: string];
  update(parameter: Value, gradient: Value, state: readonly Value[], scalars: StepScalars): Update;
  /** Values of {@link StepScalars} for step `step`, which counts from 1. */
  scalars(step: number, learningRate: number): readonly [number, number, number];
}

/** Hyperparameters of Adam and AdamW; PyTorch's defaults. */
export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma and Ba, 2015) with weight decay added to the gradient, as `torch.optim.Adam` computes it.
 */
export const adam = (options: AdamOptions = {}): Optimizer => adaptive("adam", options, false);

/**
 * AdamW (Loshchilov and Hutter, 2019): weight decay η·λ·θ taken from the parameter itself, also where the
 * gradient is zero. Parameters that take no part in the loss have no gradient and are not updated at all.
 */
export const adamW = (options: AdamOptions = {}): Optimizer => adaptive("adamw", options, true);

function adaptive(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  return {
    name,
    arithmetic: { beta1, beta2, epsilon, weightDecay, decoupled },
    stateNames: ["first_moment", "second_moment"],
    update(parameter, gradient, [first, second], scalars) {
      if (first === undefined || second === undefined) return { parameter, state: [] };
      const { learningRate, firstCorrection, secondCorrection } = scalars;
      const regular =
        decoupled || weightDecay === 0 ? gradient : add(gradient, scale(parameter, weightDecay));
      const newFirst = add(scale(first, beta1), scale(regular, 1 - beta1));
      const newSecond = add(scale(second, beta2), scale(square(regular), 1 - beta2));
      // m/c₁ / (√v/√c₂ + ε) with numerator and denominator times √c₂, which saves a pass over memory.
      const denominator = add(sqrt(newSecond), scale(secondCorrection, epsilon));
      const rate = multiply(divide(learningRate, firstCorrection), secondCorrection);
      const change = multiply(divide(newFirst, denominator), rate);
      const decayed =
        decoupled && weightDecay !== 0
          ? multiply(parameter, subtract(floats(1), scale(learningRate, weightDecay)))
          : parameter;
      return { parameter: subtract(decayed, change), state: [newFirst, newSecond] };
    },
    scalars: (step, learningRate) => [learningRate, 1 - beta1 ** step, Math.sqrt(1 - beta2 ** step)],
  };
}
