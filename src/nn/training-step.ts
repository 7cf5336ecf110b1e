import { EpSamError } from "../common/index.js";
import {
  cast,
  type Device,
  type DeviceTensor,
  divide,
  elementCount,
  type FloatTensor,
  floatsOf,
  floatTensor,
  formatShape,
  gradients,
  type HostTensor,
  type HostTensors,
  hasOwnMemory,
  input,
  LockStepSession,
  type MicroBatches,
  multiply,
  type Precision,
  reshape,
  type StateEntry,
  StatefulSession,
  scale,
  slice,
  synchronised,
  type Value,
  where,
} from "../graph/index.js";
import { HostAdam, type HostParameter } from "./host-adam.js";
import { HostUpdatedSession } from "./host-updated-session.js";
import { allFinite, type LossScale, lossScaleFrom, lossScaleTensor, nextLossScale } from "./loss-scaling.js";
import type { Optimizer, StepScalars } from "./optimizers.js";

/** Above this, saving memory is worth the few percent of time that computing activations again takes. */
const KEPT_ACTIVATION_BYTES = 1e9;

const scalarsInput = "optimizer:scalars";
const lossScaleInput = "step:loss-scale";
const finiteOutput = "step:finite";
/** Counts as optimizer state, so that checkpoints hold it. */
const lossScaleName = "optimizer:loss-scale";

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

/** What a step gives. */
export interface StepResult {
  /** The loss before the step. */
  readonly loss: number;
  readonly outputs: HostTensors;
  /** True when a gradient was not finite in float16 and nothing was changed but the loss's scale. */
  readonly skipped: boolean;
}

/**
 * One optimizer step: forward pass, gradients and parameter update. All of it is one compiled graph where the device
 * has its own memory, the batch comes in parts or products are in float16; else the graph ends with the gradients.
 * Parameters without a part in the loss are neither updated nor decayed.
 */
export class TrainingStep<Fed extends HostTensor | DeviceTensor = HostTensor> {
  readonly #session: StepSession<Fed | HostTensor>;
  readonly #optimizer: Optimizer;
  readonly #untouched: ReadonlyMap<string, FloatTensor>;
  #steps: number;
  #lossScale: LossScale | undefined;

  private constructor(
    session: StepSession<Fed | HostTensor>,
    untouched: ReadonlyMap<string, FloatTensor>,
    { optimizer, stepsTaken, precision, initial }: TrainingStepOptions,
  ) {
    this.#session = session;
    this.#optimizer = optimizer;
    this.#untouched = untouched;
    this.#steps = stepsTaken ?? 0;
    if (precision === "float16") this.#lossScale = lossScaleFrom(initial.get(lossScaleName));
  }

  /**
   * Builds the gradients and updates and compiles them. A step in parts of the batch divides what it is fed with, and
   * can do that in host memory alone.
   */
  static create(
    options: TrainingStepOptions & { readonly microBatches?: undefined },
  ): Promise<TrainingStep<HostTensor | DeviceTensor>>;
  static create(options: TrainingStepOptions): Promise<TrainingStep>;
  static async create(
    options: TrainingStepOptions,
  ): Promise<TrainingStep<HostTensor | DeviceTensor> | TrainingStep> {
    const { parameters, microBatches, device, precision } = options;
    const untouched = new Map<string, FloatTensor>();
    const { gradients, finite } = gradientsOf(options);
    const updated: Updated[] = [];
    for (const [name, value] of parameters) {
      const gradient = gradients.get(name);
      if (gradient !== undefined) updated.push({ name, value, gradient });
      else untouched.set(name, options.initial.get(name) ?? floatTensor(value.shape));
    }
    if (microBatches === undefined) {
      return new TrainingStep<HostTensor | DeviceTensor>(
        await compileWhole(options, updated, finite),
        untouched,
        options,
      );
    }
    const [state, outputs] = [stateOf(options, updated, finite), outputsOf(options, finite)];
    const session = await LockStepSession.create(state, outputs, device, microBatches, {
      precision: precision ?? "float32",
    });
    return new TrainingStep<HostTensor>(session, untouched, options);
  }

  /** Number of optimizer steps taken since training began. */
  get stepsTaken(): number {
    return this.#steps;
  }

  /**
   * Takes one step; returns the loss before it and the further outputs.
   * @throws EpSamError `numerical` when float16 cannot hold the gradients at any scale of the loss.
   */
  async run(feeds: Readonly<Record<string, Fed | HostTensor>>, learningRate: number): Promise<StepResult> {
    const scalars = this.#optimizer.scalars(this.#steps + 1, learningRate);
    const scale = this.#lossScale?.scale ?? 1;
    // Alone: beside other properties, a spread forgets what kind of tensors it spreads.
    const fed: Record<string, Fed | HostTensor> = { ...feeds };
    fed[scalarsInput] = floatTensor([scalars.length], Float32Array.from(scalars));
    fed[lossScaleInput] = floatTensor([], Float32Array.of(scale));
    const results = await this.#session.step(fed);
    const skipped = this.#lossScale !== undefined && floatsOf(results, finiteOutput)[0] === 0;
    if (this.#lossScale !== undefined) this.#lossScale = nextLossScale(this.#lossScale, !skipped);
    if (!skipped) this.#steps++;
    return { loss: floatsOf(results, "loss")[0] ?? Number.NaN, outputs: results, skipped };
  }

  /** Parameters, buffers and optimizer state by name; copies that later steps leave alone. */
  async snapshot(): Promise<Map<string, FloatTensor>> {
    const copy = ({ shape, data }: FloatTensor) => floatTensor(shape, data.slice());
    const entries = [...Object.entries(await this.#session.read()), ...this.#untouched];
    const state = new Map(entries.map(([name, tensor]) => [name, copy(tensor)]));
    if (this.#lossScale !== undefined) state.set(lossScaleName, lossScaleTensor(this.#lossScale));
    return state;
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

/** What runs the steps and holds their state, fed with tensors of a kind. */
export interface StepSession<Fed> {
  /** A property, since of methods the compiler would not check the parameter's kind. */
  readonly step: (feeds: Readonly<Record<string, Fed>>) => Promise<Record<string, HostTensor>>;
  read(): Promise<Readonly<Record<string, FloatTensor>>>;
  close(): Promise<void>;
}

async function compileWhole(
  options: TrainingStepOptions,
  updated: readonly Updated[],
  finite: Value | undefined,
): Promise<StepSession<HostTensor | DeviceTensor>> {
  const { device, precision = "float32", optimizer } = options;
  const outputs = outputsOf(options, finite);
  const isFull = precision === "float32";
  if (isFull && !hasOwnMemory(device) && HostAdam.holds(updated.map(({ value }) => value.shape))) {
    const parameters = updated.map((each) => hostParameter(each, options));
    return HostUpdatedSession.create(stateOf(options, [], finite), outputs, device, {
      adam: new HostAdam(optimizer.arithmetic, parameters),
      gradients: new Map(updated.map(({ name, gradient }) => [name, gradient])),
      scalars: scalarsInput,
    });
  }
  return StatefulSession.create(stateOf(options, updated, finite), outputs, device, { precision });
}

function hostParameter(
  { name, value }: Updated,
  { optimizer, initial, rateFactor }: TrainingStepOptions,
): HostParameter {
  const { shape } = value;
  const startOf = (entry: string) => {
    const start = initial.get(entry) ?? floatTensor(shape);
    if (elementCount(start.shape) === elementCount(shape)) return { name: entry, initial: start };
    const what = `starts as ${formatShape(start.shape)}, its parameter is ${formatShape(shape)}`;
    throw new EpSamError("shape", { what, where: entry });
  };
  const [first, second] = optimizer.stateNames;
  const moments = [
    startOf(optimizerStateName(first, name)),
    startOf(optimizerStateName(second, name)),
  ] as const;
  return { ...startOf(name), moments, rateFactor: rateFactor?.(name) };
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
interface Updated {
  readonly name: string;
  readonly value: Value;
  readonly gradient: Value;
}

/** Gradients of the loss by parameter, of the whole batch and unscaled, and whether all are finite where that is asked. */
function gradientsOf({ loss, parameters, microBatches, precision, ...options }: TrainingStepOptions): {
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
function stateOf(
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

function outputsOf(
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
