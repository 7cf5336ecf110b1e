import { EpSamError, must } from "../../common/index.js";
import { type LockStepStage, planLockStep } from "../lock-step.js";
import { axisSize, elementCount, type FloatTensor, type HostTensor, type Value } from "../value.js";
import { BufferPool } from "./buffer-pool.js";
import { type Device, hasOwnMemory } from "./device.js";
import { floatsOf, GraphSession, type HostTensors, type SessionOptions } from "./session.js";
import { DeviceStateMemory, HostStateMemory, type StateEntry, type StateMemory } from "./state-memory.js";
import { checkEntry, nextPrefix, withoutPrefix, withPrefix } from "./stateful-session.js";
import type { TensorType } from "./tensors.js";

/** How a batch is divided. */
export interface MicroBatches {
  readonly count: number;
  /** Inputs that are divided along their first axis; all others go to every micro-batch as they are. */
  readonly split: Iterable<string>;
}

/** A stage of the plan, compiled. */
interface CompiledStage extends Omit<LockStepStage, "outputs"> {
  readonly session: GraphSession;
}

type Tensors = Map<string, HostTensor>;

/**
 * A compiled step with memory, as `StatefulSession`, that runs its graph for one micro-batch after the other. Where
 * the graph has `synchronised` values, all micro-batches come to that place before any goes on with their mean, so
 * that batch normalisation sees the whole batch. What they carry from stage to stage stays in host memory.
 */
export class LockStepSession {
  readonly #stages: readonly CompiledStage[];
  readonly #final: GraphSession;
  readonly #memory: StateMemory;
  readonly #count: number;
  readonly #split: ReadonlySet<string>;
  readonly #pool = new BufferPool();

  private constructor(
    stages: readonly CompiledStage[],
    final: GraphSession,
    memory: StateMemory,
    { count, split }: MicroBatches,
  ) {
    this.#stages = stages;
    this.#final = final;
    this.#memory = memory;
    this.#count = count;
    this.#split = new Set(split);
  }

  /**
   * Compiles a step.
   * @param state entries by input name, as for `StatefulSession`; no next value may differ between micro-batches.
   * @param outputs further results: those of every micro-batch are joined along their first axis.
   * @throws EpSamError as `StatefulSession`, and `internal` when a next value differs between micro-batches.
   */
  static async create(
    state: ReadonlyMap<string, StateEntry>,
    outputs: Readonly<Record<string, Value>>,
    target: Device,
    microBatches: MicroBatches,
    options: SessionOptions = {},
  ): Promise<LockStepSession> {
    const all: Record<string, Value> = { ...outputs };
    for (const [name, entry] of state) {
      checkEntry(name, entry);
      all[nextPrefix + name] = entry.next;
    }
    const plan = planLockStep(all, new Set(microBatches.split));
    const stages: CompiledStage[] = [];
    for (const { outputs: graph, ...stage } of plan.stages) {
      const strange = stage.results.find((name) => name.startsWith(nextPrefix));
      if (strange !== undefined) {
        throw new EpSamError("internal", { what: "differs between micro-batches", where: strange });
      }
      const session = await GraphSession.create(graph, target, { ...options, arena: false });
      stages.push({ ...stage, session });
    }
    const keep = [...state.keys()].map((name) => nextPrefix + name);
    const final = await GraphSession.create(plan.final, target, { ...options, keep });
    const memory = hasOwnMemory(target) ? new DeviceStateMemory(state, target) : new HostStateMemory(state);
    return new LockStepSession(stages, final, memory, microBatches);
  }

  /** Sessions that one step runs for each micro-batch. */
  get stages(): number {
    return this.#stages.length;
  }

  /** Runs one step on a whole batch and returns the results that are not state. */
  async step(feeds: HostTensors): Promise<Record<string, HostTensor>> {
    const batches = this.#divided(feeds);
    const means: Tensors = new Map();
    const parts = new Map<string, Float32Array[]>();
    for (const stage of this.#stages) await this.#runStage(stage, feeds, batches, means, parts);
    const into = withPrefix(this.#memory.targets());
    const read = { ...feeds, ...this.#memory.feeds(), ...Object.fromEntries(means) };
    const { results, kept } = await this.#final.runKeeping(read, into);
    this.#memory.advance(withoutPrefix(kept));
    for (const tensor of means.values()) this.#giveBack(tensor);
    const own = Object.entries(results).filter(([name]) => !name.startsWith(nextPrefix));
    const joined = [...parts].map(([name, data]) => [name, this.#joined(name, data)] as const);
    return Object.fromEntries([...own, ...joined]);
  }

  /** The state's present content; valid until the step after the next. */
  read(): Promise<Readonly<Record<string, FloatTensor>>> {
    return this.#memory.read();
  }

  /** Frees the state and the compiled graphs. */
  async close(): Promise<void> {
    await this.#memory.close();
    for (const { session } of this.#stages) await session.close();
    await this.#final.close();
  }

  /** The divided inputs of each micro-batch: views of the batch. */
  #divided(feeds: HostTensors): Tensors[] {
    return Array.from({ length: this.#count }, (_, index) => {
      const tensors: Tensors = new Map();
      for (const name of this.#split) {
        const tensor = feeds[name];
        if (tensor !== undefined) tensors.set(name, this.#part(name, tensor, index));
      }
      return tensors;
    });
  }

  #part(name: string, { dataType, shape, data }: HostTensor, index: number): HostTensor {
    const size = axisSize(shape, 0) / this.#count;
    if (dataType !== "float32" || !Number.isInteger(size)) {
      throw new EpSamError("shape", {
        what: `${dataType}[${shape.join(", ")}] cannot be divided into ${this.#count} micro-batches`,
        where: name,
      });
    }
    const length = data.length / this.#count;
    const part = data.subarray(index * length, (index + 1) * length);
    return { dataType, shape: [size, ...shape.slice(1)], data: part };
  }

  async #runStage(
    stage: CompiledStage,
    feeds: HostTensors,
    batches: readonly Tensors[],
    means: Tensors,
    parts: Map<string, Float32Array[]>,
  ): Promise<void> {
    const shared = { ...feeds, ...this.#memory.feeds(), ...Object.fromEntries(means) };
    const sums = new Map<string, FloatTensor>();
    for (const tensors of batches) {
      const into = this.#destinations(stage);
      const results = await stage.session.run({ ...shared, ...Object.fromEntries(tensors) }, into);
      for (const name of stage.carried) {
        const result = results[name];
        if (result !== undefined) tensors.set(name, result);
      }
      for (const name of stage.averaged) this.#addTo(sums, name, into[name], batches.length);
      for (const name of stage.results) {
        parts.set(name, [...(parts.get(name) ?? []), floatsOf(results, name)]);
      }
      for (const name of stage.finished) {
        this.#giveBack(tensors.get(name));
        tensors.delete(name);
      }
    }
    for (const [name, sum] of sums) means.set(name, sum);
  }

  /** Buffers for what a stage passes on. */
  #destinations({ session, carried, averaged }: CompiledStage): Record<string, FloatTensor> {
    const wanted: [string, TensorType | undefined][] = [...carried, ...averaged].map((name) => [
      name,
      session.outputs.get(name),
    ]);
    return Object.fromEntries(
      wanted.flatMap(([name, type]) =>
        type?.dataType === "float32" ? [[name, this.#pool.take(type.shape)]] : [],
      ),
    );
  }

  #addTo(sums: Map<string, FloatTensor>, name: string, part: FloatTensor | undefined, count: number): void {
    if (part === undefined) return;
    const sum = sums.get(name);
    const { data } = part;
    if (sum === undefined) {
      for (let index = 0; index < data.length; index++) data[index] = (data[index] ?? 0) / count;
      sums.set(name, part);
      return;
    }
    const total = sum.data;
    for (let index = 0; index < total.length; index++) {
      total[index] = (total[index] ?? 0) + (data[index] ?? 0) / count;
    }
    this.#pool.give(part);
  }

  #giveBack(tensor: HostTensor | undefined): void {
    if (tensor?.dataType === "float32") this.#pool.give(tensor);
  }

  #joined(name: string, parts: readonly Float32Array[]): HostTensor {
    const types = this.#stages.flatMap(({ session }) => session.outputs.get(name) ?? []);
    const { shape: one } = must(types, 0, `result ${name} of a stage`);
    const shape = [axisSize(one, 0) * this.#count, ...one.slice(1)];
    const data = new Float32Array(elementCount(shape));
    parts.forEach((part, index) => {
      data.set(part, index * part.length);
    });
    return { dataType: "float32", shape, data };
  }
}
