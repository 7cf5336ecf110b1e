import { EpSamError } from "../../common/index.js";
import { type FloatTensor, floatTensor, input, type Shape, type Value } from "../value.js";
import type { Device } from "./device.js";
import { floatsOf, GraphSession, type HostTensors } from "./session.js";
import { DeviceTensor, type Feeds } from "./tensors.js";

/**
 * A tensor that each step replaces: what the graph reads, what it computes, and the first content. The graph may
 * read and compute it in other shapes than the content's, such as a vector: only the elements' order counts.
 */
export interface StateEntry {
  readonly current: Value;
  readonly next: Value;
  readonly initial: FloatTensor;
}

/** Where the contents of a step's state live between steps. */
export interface StateMemory {
  /** The present contents, for the step to read. */
  feeds(): Feeds;
  /** Tensors that receive the next contents in place. */
  targets(): HostTensors;
  /** Makes the next contents, which a step has just computed, the present ones. */
  advance(kept: Readonly<Record<string, DeviceTensor>>): void;
  /** The present contents, in the shapes of the initial ones. */
  read(): Promise<Readonly<Record<string, FloatTensor>>>;
  close(): Promise<void>;
}

/** The two contents of an entry that steps read and write in turn; not the entry, which holds the first as well. */
interface HostBuffers {
  readonly readShape: Shape;
  readonly writtenShape: Shape;
  current: FloatTensor;
  spare: FloatTensor;
}

/** Two sets of buffers in host memory: nothing is allocated or copied between steps. */
export class HostStateMemory implements StateMemory {
  readonly #buffers = new Map<string, HostBuffers>();

  constructor(entries: ReadonlyMap<string, StateEntry>) {
    for (const [name, { current, next, initial }] of entries) {
      const { shape, data } = initial;
      this.#buffers.set(name, {
        readShape: current.shape,
        writtenShape: next.shape,
        current: floatTensor(shape, data.slice()),
        spare: floatTensor(shape),
      });
    }
  }

  feeds(): Feeds {
    return this.#map(({ readShape, current }) => floatTensor(readShape, current.data));
  }

  targets(): HostTensors {
    return this.#map(({ writtenShape, spare }) => floatTensor(writtenShape, spare.data));
  }

  advance(): void {
    for (const buffers of this.#buffers.values()) {
      [buffers.current, buffers.spare] = [buffers.spare, buffers.current];
    }
  }

  async read(): Promise<Readonly<Record<string, FloatTensor>>> {
    return this.#map(({ current }) => current);
  }

  async close(): Promise<void> {
    this.#buffers.clear();
  }

  #map(tensorOf: (buffers: HostBuffers) => FloatTensor): Record<string, FloatTensor> {
    return Object.fromEntries([...this.#buffers].map(([name, buffers]) => [name, tensorOf(buffers)]));
  }
}

const readPrefix = "read:";

/**
 * Contents in the device's memory. A step's results take the place of the contents that it read, which are freed;
 * they come back to the host only when they are read.
 */
export class DeviceStateMemory implements StateMemory {
  readonly #entries: ReadonlyMap<string, StateEntry>;
  readonly #device: Device;
  readonly #contents: Map<string, FloatTensor | DeviceTensor>;
  #reader: Promise<GraphSession> | undefined;

  constructor(entries: ReadonlyMap<string, StateEntry>, device: Device) {
    this.#entries = entries;
    this.#device = device;
    this.#contents = new Map(
      [...entries].map(([name, { current, initial }]) => [
        name,
        floatTensor(current.shape, initial.data.slice()),
      ]),
    );
  }

  feeds(): Feeds {
    return Object.fromEntries(this.#contents);
  }

  targets(): HostTensors {
    return {};
  }

  advance(kept: Readonly<Record<string, DeviceTensor>>): void {
    for (const name of this.#entries.keys()) {
      const next = kept[name];
      if (next === undefined)
        throw new EpSamError("internal", { what: "did not stay on the device", where: name });
      release(this.#contents.get(name));
      this.#contents.set(name, next);
    }
  }

  /** Through a graph that copies: ONNX Runtime 1.30 ends the process when such a tensor is asked for its data. */
  async read(): Promise<Readonly<Record<string, FloatTensor>>> {
    this.#reader ??= this.#createReader();
    const feeds: Record<string, FloatTensor | DeviceTensor> = {};
    for (const [name, { initial }] of this.#entries) {
      const content = this.#contents.get(name) ?? initial;
      feeds[readPrefix + name] =
        content instanceof DeviceTensor ? content : floatTensor(initial.shape, content.data);
    }
    const results = await (await this.#reader).run(feeds);
    const contents = [...this.#entries].map(
      ([name, { initial }]) => [name, floatTensor(initial.shape, floatsOf(results, name))] as const,
    );
    return Object.fromEntries(contents);
  }

  #createReader(): Promise<GraphSession> {
    const copies = [...this.#entries].map(
      ([name, { initial }]) => [name, input(readPrefix + name, initial.shape)] as const,
    );
    return GraphSession.create(Object.fromEntries(copies), this.#device);
  }

  async close(): Promise<void> {
    for (const content of this.#contents.values()) release(content);
    this.#contents.clear();
    await (await this.#reader)?.close();
  }
}

/** Frees what the device holds; host memory frees itself. */
function release(content: FloatTensor | DeviceTensor | undefined): void {
  if (content instanceof DeviceTensor) content.release();
}
