import { EpSamError } from "../common/index.js";
import {
  type DeviceTensor,
  elementCount,
  type FloatTensor,
  floatsOf,
  floatTensor,
  formatShape,
  type HostTensor,
  type HostTensors,
  hasOwnMemory,
  LockStepSession,
  StatefulSession,
  type Value,
} from "../graph/index.js";
import { HostAdam, type HostParameter } from "./host-adam.js";
import { HostUpdatedSession } from "./host-updated-session.js";
import { type LossScale, lossScaleFrom, lossScaleTensor, nextLossScale } from "./loss-scaling.js";
import type { Optimizer } from "./optimizers.js";
import {
  finiteOutput,
  gradientsOf,
  lossScaleInput,
  optimizerStateName,
  outputsOf,
  scalarsInput,
  stateOf,
  type TrainingStepOptions,
  type Updated,
} from "./step-graph.js";

/** Counts as optimizer state, so that checkpoints hold it. */
const lossScaleName = "optimizer:loss-scale";

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
