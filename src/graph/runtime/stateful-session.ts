import { EpSamError } from "../../common/index.js";
import { elementCount, type FloatTensor, formatShape, type HostTensor, type Value } from "../value.js";
import { type Device, hasOwnMemory } from "./device.js";
import { GraphSession, type HostTensors, type SessionOptions } from "./session.js";
import { DeviceStateMemory, HostStateMemory, type StateEntry, type StateMemory } from "./state-memory.js";
import type { Feeds } from "./tensors.js";

export const nextPrefix = "next:";

/**
 * A compiled step with memory, such as a training step: parameters and optimizer state stay where the device reads
 * and writes them, in host memory or in its own.
 */
export class StatefulSession {
  readonly #session: GraphSession;
  readonly #memory: StateMemory;

  private constructor(session: GraphSession, memory: StateMemory) {
    this.#session = session;
    this.#memory = memory;
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
    options: SessionOptions = {},
  ): Promise<StatefulSession> {
    const all: Record<string, Value> = { ...outputs };
    for (const [name, entry] of state) {
      checkEntry(name, entry);
      all[nextPrefix + name] = entry.next;
    }
    const keep = [...state.keys()].map((name) => nextPrefix + name);
    const session = await GraphSession.create(all, target, { ...options, keep });
    const memory = hasOwnMemory(target) ? new DeviceStateMemory(state, target) : new HostStateMemory(state);
    return new StatefulSession(session, memory);
  }

  /**
   * Runs one step and returns the results that are not state.
   * @param into tensors that receive such results in place, where the device has no memory of its own
   */
  async step(feeds: Feeds, into: HostTensors = {}): Promise<Record<string, HostTensor>> {
    const targets = { ...into, ...withPrefix(this.#memory.targets()) };
    const { results, kept } = await this.#session.runKeeping({ ...feeds, ...this.#memory.feeds() }, targets);
    this.#memory.advance(withoutPrefix(kept));
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith(nextPrefix)));
  }

  /** The state's present content; valid until the step after the next. */
  read(): Promise<Readonly<Record<string, FloatTensor>>> {
    return this.#memory.read();
  }

  /** Frees the state and the compiled graph. */
  async close(): Promise<void> {
    await this.#memory.close();
    await this.#session.close();
  }
}

export function withPrefix<Of>(tensors: Readonly<Record<string, Of>>): Record<string, Of> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [nextPrefix + name, tensor]));
}

export function withoutPrefix<Of>(tensors: Readonly<Record<string, Of>>): Record<string, Of> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name.slice(nextPrefix.length), tensor]),
  );
}

export function checkEntry(name: string, { current, next, initial }: StateEntry): void {
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
