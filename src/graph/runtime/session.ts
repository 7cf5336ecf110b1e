import type { InferenceSession, Tensor } from "onnxruntime-common";
import { EpSamError, messageOf } from "../../common/index.js";
import { type EncodeOptions, encodeGraph } from "../encode.js";
import type { HostTensor, Value } from "../value.js";
import { hasBlockedChannels } from "./blocked-channels.js";
import { type Device, hasOwnMemory, loweringTarget, sessionOptions } from "./device.js";
import { onnxRuntime } from "./onnxruntime.js";
import { DeviceTensor, type Feeds, type TensorType, toHostTensor, toRuntimeTensor } from "./tensors.js";

/** Host tensors by name. */
export type HostTensors = Readonly<Record<string, HostTensor>>;

/** Names, shapes and element types of a compiled graph's inputs and outputs. */
interface Signature {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

/** How a graph is compiled. */
export interface SessionOptions extends EncodeOptions {
  /** Outputs that stay in the device's memory where it has its own; see {@link GraphSession.runKeeping}. */
  readonly keep?: Iterable<string> | undefined;
  /** Whether the CPU's memory is kept for the next run, true unless told; many sessions would each keep their own. */
  readonly arena?: boolean | undefined;
  /**
   * Whether parameters outside the graph stay in memory that is mapped from their file, which processes share. Else they
   * are copied as products want them, which makes these a little faster; false unless told.
   */
  readonly mapped?: boolean | undefined;
}

/** What a run gives: results in host memory, and those that stay on the device. */
export interface RunResults {
  readonly results: Record<string, HostTensor>;
  /** The caller releases them. */
  readonly kept: Record<string, DeviceTensor>;
}

/** A graph compiled for a device. */
export class GraphSession {
  readonly #graph: Signature;
  readonly #kept: ReadonlySet<string>;
  readonly #session: InferenceSession;

  private constructor(graph: Signature, kept: ReadonlySet<string>, session: InferenceSession) {
    // Values and bytes are let go: they hold every constant of the graph a second and a third time.
    this.#graph = { inputs: typesOf(graph.inputs), outputs: typesOf(graph.outputs) };
    this.#kept = kept;
    this.#session = session;
  }

  /**
   * Compiles a graph.
   * @throws EpSamError `device` when the execution provider is absent or refuses the graph.
   */
  static async create(
    outputs: Readonly<Record<string, Value>>,
    target: Device,
    { keep = [], arena = true, mapped = false, ...options }: SessionOptions = {},
  ): Promise<GraphSession> {
    const blockedChannels = target.name === "cpu" && (await hasBlockedChannels());
    const graph = encodeGraph(outputs, { target: loweringTarget(target), blockedChannels, ...options });
    const kept = new Set(hasOwnMemory(target) ? keep : []);
    const locations = [...graph.outputs.keys()].map((name) => [name, kept.has(name) ? "gpu-buffer" : "cpu"]);
    try {
      const session = await onnxRuntime().InferenceSession.create(graph.bytes, {
        ...sessionOptions(target, { ...options, mapped }),
        enableCpuMemArena: arena,
        ...(kept.size === 0 ? {} : { preferredOutputLocation: Object.fromEntries(locations) }),
      });
      return new GraphSession(graph, kept, session);
    } catch (cause) {
      throw new EpSamError(
        "device",
        {
          what: "cannot run this graph",
          where: `device ${target.name}`,
          why: messageOf(cause),
          action: "Run `epsam doctor` to see which devices work here, or use `device: cpu`.",
        },
        { cause },
      );
    }
  }

  /** The inputs that every run needs, with their shapes. */
  get inputs(): ReadonlyMap<string, TensorType> {
    return this.#graph.inputs;
  }

  get outputs(): ReadonlyMap<string, TensorType> {
    return this.#graph.outputs;
  }

  /**
   * Runs the graph.
   * @param into tensors that receive results in place; results of the others are allocated.
   * @throws EpSamError `shape` naming a missing or misshaped feed, `device` when the provider fails.
   */
  async run(feeds: Feeds, into: HostTensors = {}): Promise<Record<string, HostTensor>> {
    const { results, kept } = await this.runKeeping(feeds, into);
    for (const tensor of Object.values(kept)) tensor.release();
    return results;
  }

  /** As {@link run}; gives the outputs that the device keeps as well. A session that keeps some ignores `into`. */
  async runKeeping(feeds: Feeds, into: HostTensors = {}): Promise<RunResults> {
    const fed: Record<string, Tensor> = {};
    for (const [name, value] of this.#graph.inputs) fed[name] = toRuntimeTensor(feeds[name], name, value);
    const buffers = this.#kept.size === 0 ? into : {};
    const fetches: Record<string, Tensor | null> = {};
    for (const [name, value] of this.#graph.outputs) {
      const buffer = buffers[name];
      fetches[name] = buffer === undefined ? null : toRuntimeTensor(buffer, name, value);
    }
    const given = await this.#runChecked(fed, fetches);
    const results: Record<string, HostTensor> = {};
    const kept: Record<string, DeviceTensor> = {};
    for (const [name, value] of this.#graph.outputs) {
      const tensor = given[name];
      if (tensor?.location === "gpu-buffer") kept[name] = new DeviceTensor(value, tensor);
      else results[name] = buffers[name] ?? toHostTensor(tensor, name, value);
    }
    return { results, kept };
  }

  async #runChecked(feeds: Record<string, Tensor>, fetches: Record<string, Tensor | null>) {
    try {
      return await this.#session.run(feeds, fetches);
    } catch (cause) {
      throw new EpSamError(
        "device",
        {
          what: "the run failed",
          why: messageOf(cause),
          action: "If memory ran out, use a smaller batch size; earlier results are intact.",
        },
        { cause },
      );
    }
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function typesOf(values: ReadonlyMap<string, TensorType>): ReadonlyMap<string, TensorType> {
  return new Map([...values].map(([name, { shape, dataType }]) => [name, { shape, dataType }]));
}

/** Reads a float32 result by name. */
export function floatsOf(results: Readonly<Record<string, HostTensor>>, name: string): Float32Array {
  const tensor = results[name];
  if (tensor?.dataType !== "float32") {
    throw new EpSamError("internal", { what: "is not a float32 result of the graph", where: name });
  }
  return tensor.data;
}
