import { EpSamError } from "../../common/index.js";
import {
  elementCount,
  type FloatTensor,
  floatTensor,
  formatShape,
  type HostTensor,
  type Value,
} from "../value.js";
import type { Device } from "./device.js";
import { GraphSession, type HostTensors } from "./session.js";

/**
 * A tensor that each step replaces: what the graph reads, what it computes, and the first content. The graph may
 * read and compute it in other shapes than the content's, such as a vector: only the elements' order counts.
 */
export interface StateEntry {
  readonly current: Value;
  readonly next: Value;
  readonly initial: FloatTensor;
}

const nextPrefix = "next:";

/** The two contents of an entry that steps read and write in turn, and the shapes the graph knows it by. */
interface StateBuffers {
  readonly entry: StateEntry;
  current: FloatTensor;
  spare: FloatTensor;
}

/**
 * A compiled step with memory, such as a training step: parameters and optimizer state stay in two sets of
 * buffers that the runtime reads and writes in turn, so nothing is allocated or copied between steps.
 */
export class StatefulSession {
  readonly #session: GraphSession;
  readonly #state: ReadonlyMap<string, StateBuffers>;

  private constructor(session: GraphSession, state: ReadonlyMap<string, StateBuffers>) {
    this.#session = session;
    this.#state = state;
  }

  /**
   * Compiles a step.
   * @param state entries by input name; `current` must be an input or parameter of that name.
   * @param outputs further results that each step returns, such as the loss.
   * @throws EpSamError `shape` when an entry's initial content or next value has another number of elements,
   *   `internal` when `current` has another name.
   */
  static async create(
    state: ReadonlyMap<string, StateEntry>,
    outputs: Readonly<Record<string, Value>>,
    target: Device,
  ): Promise<StatefulSession> {
    const all: Record<string, Value> = { ...outputs };
    const buffers = new Map<string, StateBuffers>();
    for (const [name, entry] of state) {
      checkEntry(name, entry);
      all[nextPrefix + name] = entry.next;
      const { shape, data } = entry.initial;
      buffers.set(name, { entry, current: floatTensor(shape, data.slice()), spare: floatTensor(shape) });
    }
    return new StatefulSession(await GraphSession.create(all, target), buffers);
  }

  /** Runs one step and returns the results that are not state. */
  async step(feeds: HostTensors): Promise<Record<string, HostTensor>> {
    const fed: Record<string, HostTensor> = { ...feeds };
    const into: Record<string, HostTensor> = {};
    for (const [name, { entry, current, spare }] of this.#state) {
      fed[name] = floatTensor(entry.current.shape, current.data);
      into[nextPrefix + name] = floatTensor(entry.next.shape, spare.data);
    }
    const results = await this.#session.run(fed, into);
    for (const buffers of this.#state.values()) {
      [buffers.current, buffers.spare] = [buffers.spare, buffers.current];
    }
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith(nextPrefix)));
  }

  /** The state's present content; valid until the step after the next. */
  read(): Readonly<Record<string, FloatTensor>> {
    return Object.fromEntries([...this.#state].map(([name, { current }]) => [name, current]));
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

function checkEntry(name: string, { current, next, initial }: StateEntry): void {
  if (!("name" in current.source) || current.source.name !== name) {
    throw new EpSamError("internal", {
      what: "is not the input that the entry is read from",
      where: name,
    });
  }
  const count = elementCount(initial.shape);
  if (count !== elementCount(current.shape) || count !== elementCount(next.shape)) {
    throw new EpSamError("shape", {
      what: `starts as ${formatShape(initial.shape)}, is read as ${formatShape(current.shape)}`,
      why: `and becomes ${formatShape(next.shape)}`,
      where: name,
    });
  }
}
