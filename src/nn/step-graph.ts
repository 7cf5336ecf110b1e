import {
  cast,
  type Device,
  divide,
  elementCount,
  type FloatTensor,
  floatTensor,
  gradients,
  input,
  type MicroBatches,
  multiply,
  type Precision,
  reshape,
  type StateEntry,
  scale,
  slice,
  synchronised,
  type Value,
  where,
} from "../graph/index.js";
import { allFinite } from "./loss-scaling.js";
import type { Optimizer, StepScalars } from "./optimizers.js";

/** Above this, saving memory is worth the few percent of time that computing activations again takes. */
const KEPT_ACTIVATION_BYTES = 1e9;

export const scalarsInput = "optimizer:scalars";
export const lossScaleInput = "step:loss-scale";
export const finiteOutput = "step:finite";
/** Tensors that change beside the parameters, such as batch-norm statistics, by name. */
export type Buffers = ReadonlyMap<string, { readonly current: Value; readonly next: Value }>;

export interface TrainingStepOptions {
  /** The value to minimise, one number. */
  readonly loss: Value;
  /** What is trained, by state-dict name. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly buffers?: Buffers;
  readonly optimizer: Optimizer;
  /** A parameter's learning rate as a multiple of the step's, by name; 1 unless told. */
  readonly rateFactor?: ((name: string) => number) | undefined;
  /** Parameters, buffers and, when training goes on, optimizer state. */
  readonly initial: ReadonlyMap<string, FloatTensor>;
  /** Optimizer steps already taken. */
  readonly stepsTaken?: number;
  /** Further values to return from each step. */
  readonly outputs?: Readonly<Record<string, Value>>;
  /** Bytes of activations kept for the backward pass before they are computed again; 1 GB by default. */
  readonly keepAtMost?: number;
  /** Computes the forward pass again segment by segment, see {@link gradients}. */
  readonly segments?: boolean;
  /**
   * Runs the step in parts of the batch; the graph is then that of one part. Its loss is a mean over images; further
   * outputs of rank 0 are averaged and others joined.
   */
  readonly microBatches?: MicroBatches | undefined;
  /** In float16, products are computed in half precision and the loss is scaled; float32 by default. */
  readonly precision?: Precision;
  readonly device: Device;
}

/** The name under which an optimizer state tensor of a parameter is kept. */
export function optimizerStateName(stateName: string, parameter: string): string {
  return `optimizer:${stateName}:${parameter}`;
}

/** True for names made by {@link optimizerStateName}. */
export function isOptimizerState(name: string): boolean {
  return name.startsWith("optimizer:");
}

function scalarValues(): StepScalars {
  const scalars = input(scalarsInput, [3]);
  const pick = (index: number) => slice(scalars, [{ axis: 0, start: index, end: index + 1 }]);
  return { learningRate: pick(0), firstCorrection: pick(1), secondCorrection: pick(2) };
}

function scaledRate(scalars: StepScalars, factor: number): StepScalars {
  return factor === 1 ? scalars : { ...scalars, learningRate: scale(scalars.learningRate, factor) };
}

/** A parameter with the gradient of the loss. */
export interface Updated {
  readonly name: string;
  readonly value: Value;
  readonly gradient: Value;
}

/** Gradients of the loss by parameter, of the whole batch and unscaled, and whether all are finite where that is asked. */
export function gradientsOf({ loss, parameters, microBatches, precision, ...options }: TrainingStepOptions): {
  readonly gradients: ReadonlyMap<string, Value>;
  readonly finite: Value | undefined;
} {
  const lossScale = input(lossScaleInput, []);
  const halves = precision === "float16";
  const ofParameters = gradients(halves ? multiply(loss, lossScale) : loss, [...parameters.values()], {
    keepAtMost: options.keepAtMost ?? KEPT_ACTIVATION_BYTES,
    segments: options.segments ?? false,
  });
  const found = new Map<string, Value>();
  [...parameters.keys()].forEach((name, index) => {
    const gradient = ofParameters[index];
    if (gradient === undefined) return;
    const whole = microBatches === undefined ? gradient : synchronised(gradient);
    found.set(name, halves ? divide(whole, lossScale) : whole);
  });
  return { gradients: found, finite: halves ? allFinite([...found.values()]) : undefined };
}

/** What the step replaces: parameters, optimizer state and buffers, unless a gradient is not finite. */
export function stateOf(
  { buffers, optimizer, initial, rateFactor = () => 1 }: TrainingStepOptions,
  updated: readonly Updated[],
  finite: Value | undefined,
): Map<string, StateEntry> {
  const state = new Map<string, StateEntry>();
  const scalars = scalarValues();
  for (const each of updated) {
    addUpdate(state, optimizer, scaledRate(scalars, rateFactor(each.name)), { ...each, initial });
  }
  for (const [name, { current, next }] of buffers ?? []) {
    state.set(name, { current, next, initial: initial.get(name) ?? floatTensor(current.shape) });
  }
  if (finite === undefined) return state;
  const guarded = [...state].map(([name, { current, next, initial: start }]) => {
    const guardedNext = where(finite, next, reshape(current, next.shape));
    return [name, { current, next: guardedNext, initial: start }] as const;
  });
  return new Map(guarded);
}

export function outputsOf(
  { outputs, loss, microBatches }: TrainingStepOptions,
  finite: Value | undefined,
): Record<string, Value> {
  const all = Object.entries({ ...outputs, loss: reshape(loss, []) });
  const whole = (value: Value) =>
    microBatches !== undefined && value.shape.length === 0 ? synchronised(value) : value;
  return {
    ...Object.fromEntries(all.map(([name, value]) => [name, whole(value)])),
    ...(finite === undefined ? {} : { [finiteOutput]: cast(finite, "float32") }),
  };
}

function addUpdate(
  state: Map<string, StateEntry>,
  optimizer: Optimizer,
  scalars: StepScalars,
  of: { name: string; value: Value; gradient: Value; initial: ReadonlyMap<string, FloatTensor> },
): void {
  const { name, value, gradient, initial } = of;
  // As vectors: beside a scalar, the runtime walks tensors that end in axes of size 1 element by element.
  const length = elementCount(value.shape);
  const flat = (x: Value) => reshape(x, [length]);
  const names = optimizer.stateNames.map((stateName) => optimizerStateName(stateName, name));
  const before = names.map((stateName) => input(stateName, [length]));
  const after = optimizer.update(flat(value), flat(gradient), before, scalars);
  const startOf = (entry: string) => initial.get(entry) ?? floatTensor(value.shape);
  state.set(name, { current: value, next: after.parameter, initial: startOf(name) });
  names.forEach((stateName, index) => {
    const [current, next] = [before[index], after.state[index]];
    if (current === undefined || next === undefined) return;
    state.set(stateName, { current, next, initial: startOf(stateName) });
  });
}
