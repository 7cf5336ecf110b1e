import {
  type Device,
  elementCount,
  type Feeds,
  type FloatTensor,
  floatsOf,
  floatTensor,
  gradients,
  type HostTensors,
  input,
  reshape,
  type StateEntry,
  StatefulSession,
  slice,
  type Value,
} from "../graph/index.js";
import type { Optimizer, StepScalars } from "./optimizers.js";

/** Above this, saving memory is worth the few percent of time that computing activations again takes. */
const KEPT_ACTIVATION_BYTES = 1e9;

const scalarsInput = "optimizer:scalars";

/** Tensors that change beside the parameters, such as batch-norm statistics, by name. */
export type Buffers = ReadonlyMap<string, { readonly current: Value; readonly next: Value }>;

export interface TrainingStepOptions {
  /** The value to minimise, one number. */
  readonly loss: Value;
  /** What is trained, by state-dict name. */
  readonly parameters: ReadonlyMap<string, Value>;
  readonly buffers?: Buffers;
  readonly optimizer: Optimizer;
  /** Parameters, buffers and, when training goes on, optimizer state. */
  readonly initial: ReadonlyMap<string, FloatTensor>;
  /** Optimizer steps already taken. */
  readonly stepsTaken?: number;
  /** Further values to return from each step. */
  readonly outputs?: Readonly<Record<string, Value>>;
  /** Bytes of activations kept for the backward pass before they are computed again; 1 GB by default. */
  readonly keepAtMost?: number;
  readonly device: Device;
}

/**
 * One optimizer step as a compiled graph: forward pass, gradients and parameter update in one run.
 * Parameters without a part in the loss are neither updated nor decayed.
 */
export class TrainingStep {
  readonly #session: StatefulSession;
  readonly #optimizer: Optimizer;
  readonly #untouched: ReadonlyMap<string, FloatTensor>;
  #steps: number;

  private constructor(
    session: StatefulSession,
    optimizer: Optimizer,
    untouched: ReadonlyMap<string, FloatTensor>,
    steps: number,
  ) {
    this.#session = session;
    this.#optimizer = optimizer;
    this.#untouched = untouched;
    this.#steps = steps;
  }

  /** Builds the gradients and updates and compiles them. */
  static async create(options: TrainingStepOptions): Promise<TrainingStep> {
    const { loss, parameters, buffers, optimizer, initial, device } = options;
    const scalars = scalarValues();
    const state = new Map<string, StateEntry>();
    const untouched = new Map<string, FloatTensor>();
    const entries = [...parameters];
    const slopes = gradients(
      loss,
      entries.map(([, value]) => value),
      { keepAtMost: options.keepAtMost ?? KEPT_ACTIVATION_BYTES },
    );
    entries.forEach(([name, value], index) => {
      const gradient = slopes[index];
      const start = initial.get(name) ?? floatTensor(value.shape);
      if (gradient === undefined) untouched.set(name, start);
      else addUpdate(state, optimizer, scalars, { name, value, gradient, initial });
    });
    for (const [name, { current, next }] of buffers ?? []) {
      state.set(name, { current, next, initial: initial.get(name) ?? floatTensor(current.shape) });
    }
    const session = await StatefulSession.create(state, { ...options.outputs, loss }, device);
    return new TrainingStep(session, optimizer, untouched, options.stepsTaken ?? 0);
  }

  /** Number of optimizer steps taken since training began. */
  get stepsTaken(): number {
    return this.#steps;
  }

  /** Takes one step; returns the loss before it and the further outputs. */
  async run(
    feeds: Feeds,
    learningRate: number,
  ): Promise<{ readonly loss: number; readonly outputs: HostTensors }> {
    const scalars = this.#optimizer.scalars(this.#steps + 1, learningRate);
    const results = await this.#session.step({
      ...feeds,
      [scalarsInput]: floatTensor([scalars.length], Float32Array.from(scalars)),
    });
    this.#steps++;
    return { loss: floatsOf(results, "loss")[0] ?? Number.NaN, outputs: results };
  }

  /** Parameters, buffers and optimizer state by name; copies that later steps leave alone. */
  async snapshot(): Promise<Map<string, FloatTensor>> {
    const copy = ({ shape, data }: FloatTensor) => floatTensor(shape, data.slice());
    const entries = [...Object.entries(await this.#session.read()), ...this.#untouched];
    return new Map(entries.map(([name, tensor]) => [name, copy(tensor)]));
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
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
