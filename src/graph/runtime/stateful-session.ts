import { EpSamError } from "../../common/index.js";
import {
  type FloatTensor,
  floatTensor,
  formatShape,
  type HostTensor,
  sameShape,
  type Value,
} from "../value.js";
import type { Device } from "./device.js";
import { GraphSession, type HostTensors } from "./session.js";

/** A tensor that each step replaces: what the graph reads, what it computes, and the first content. */
export interface StateEntry {
  readonly current: Value;
  readonly next: Value;
  readonly initial: FloatTensor;
}

const nextPrefix = "next:";

/**
 * A compiled step with memory, such as a training step: parameters and optimizer state stay in two sets of
 * buffers that the runtime reads and writes in turn, so nothing is allocated or copied between steps.
 */
export class StatefulSession {
  readonly #session: GraphSession;
  #current: Record<string, FloatTensor>;
  #spare: Record<string, FloatTensor>;

  private constructor(session: GraphSession, current: Record<string, FloatTensor>) {
    this.#session = session;
    this.#current = current;
    this.#spare = Object.fromEntries(
      Object.entries(current).map(([name, tensor]) => [name, floatTensor(tensor.shape)]),
    );
  }

  /**
   * Compiles a step.
   * @param state entries by input name; `current` must be an input or parameter of that name.
   * @param outputs further results that each step returns, such as the loss.
   * @throws EpSamError `shape` when an entry's initial content or next value has another shape,
   *   `internal` when `current` has another name.
   */
  static async create(
    state: ReadonlyMap<string, StateEntry>,
    outputs: Readonly<Record<string, Value>>,
    target: Device,
  ): Promise<StatefulSession> {
    const all: Record<string, Value> = { ...outputs };
    const current: Record<string, FloatTensor> = {};
    for (const [name, { next, initial, current: read }] of state) {
      if (!("name" in read.source) || read.source.name !== name) {
        throw new EpSamError("internal", {
          what: "is not the input that the entry is read from",
          where: name,
        });
      }
      if (!sameShape(initial.shape, read.shape) || !sameShape(next.shape, read.shape)) {
        throw new EpSamError("shape", {
          what: `starts as ${formatShape(initial.shape)}, is read as ${formatShape(read.shape)}`,
          why: `and becomes ${formatShape(next.shape)}`,
          where: name,
        });
      }
      all[nextPrefix + name] = next;
      current[name] = floatTensor(initial.shape, initial.data.slice());
    }
    return new StatefulSession(await GraphSession.create(all, target), current);
  }

  /** Runs one step and returns the results that are not state. */
  async step(feeds: HostTensors): Promise<Record<string, HostTensor>> {
    const into: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(this.#spare)) into[nextPrefix + name] = tensor;
    const results = await this.#session.run({ ...feeds, ...this.#current }, into);
    [this.#current, this.#spare] = [this.#spare, this.#current];
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith(nextPrefix)));
  }

  /** The state's present content; valid until the step after the next. */
  read(): Readonly<Record<string, FloatTensor>> {
    return this.#current;
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}
