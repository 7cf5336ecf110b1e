import { InferenceSession, Tensor } from "onnxruntime-node";
import { EpSamError, messageOf } from "../../common/index.js";
import { type EncodeOptions, encodeGraph } from "../encode.js";
import {
  type DataType,
  elementCount,
  formatShape,
  type HostTensor,
  type Shape,
  sameShape,
  type Value,
} from "../value.js";
import { type Device, loweringTarget, sessionOptions } from "./device.js";

/** Host tensors by name. */
export type HostTensors = Readonly<Record<string, HostTensor>>;

/** Shape and element type of a graph's input or output. */
export interface TensorType {
  readonly shape: Shape;
  readonly dataType: DataType;
}

/** Names, shapes and element types of a compiled graph's inputs and outputs. */
interface Signature {
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
}

/** A graph compiled for a device. */
export class GraphSession {
  readonly #graph: Signature;
  readonly #session: InferenceSession;

  private constructor(graph: Signature, session: InferenceSession) {
    // Values and bytes are let go: they hold every constant of the graph a second and a third time.
    this.#graph = { inputs: typesOf(graph.inputs), outputs: typesOf(graph.outputs) };
    this.#session = session;
  }

  /**
   * Compiles a graph.
   * @throws EpSamError `device` when the execution provider is absent or refuses the graph.
   */
  static async create(
    outputs: Readonly<Record<string, Value>>,
    target: Device,
    options: EncodeOptions = {},
  ): Promise<GraphSession> {
    const graph = encodeGraph(outputs, { target: loweringTarget(target), ...options });
    try {
      return new GraphSession(graph, await InferenceSession.create(graph.bytes, sessionOptions(target)));
    } catch (cause) {
      throw new EpSamError(
        "device",
        {
          what: "cannot run this graph",
          where: `device ${target.name}`,
          why: messageOf(cause),
          action: "Run `epsam doctor` to see which devices work here, or use --device cpu.",
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
  async run(feeds: HostTensors, into: HostTensors = {}): Promise<Record<string, HostTensor>> {
    const fed: Record<string, Tensor> = {};
    for (const [name, value] of this.#graph.inputs) fed[name] = toRuntimeTensor(feeds[name], name, value);
    const fetches: Record<string, Tensor | null> = {};
    for (const [name, value] of this.#graph.outputs) {
      const buffer = into[name];
      fetches[name] = buffer === undefined ? null : toRuntimeTensor(buffer, name, value);
    }
    const results = await this.#runChecked(fed, fetches);
    return Object.fromEntries(
      [...this.#graph.outputs].map(([name, value]) => [
        name,
        into[name] ?? toHostTensor(results[name], name, value),
      ]),
    );
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

function toRuntimeTensor(tensor: HostTensor | undefined, name: string, expected: TensorType): Tensor {
  if (tensor === undefined) {
    throw new EpSamError("shape", { what: "is needed by the graph but was not fed", where: name });
  }
  const fits = tensor.dataType === expected.dataType && sameShape(tensor.shape, expected.shape);
  if (!fits || tensor.data.length !== elementCount(tensor.shape)) {
    throw new EpSamError("shape", {
      what: `was fed ${tensor.dataType}${formatShape(tensor.shape)} with ${tensor.data.length} elements`,
      why: `the graph expects ${expected.dataType}${formatShape(expected.shape)}`,
      where: name,
    });
  }
  return new Tensor(tensor.dataType, tensor.data, [...tensor.shape]);
}

function toHostTensor(tensor: Tensor | undefined, name: string, expected: TensorType): HostTensor {
  const shape: Shape = expected.shape;
  const data = tensor?.data;
  if (data instanceof Float32Array) return { dataType: "float32", shape, data };
  if (data instanceof BigInt64Array) return { dataType: "int64", shape, data };
  if (data instanceof Uint8Array) return { dataType: "bool", shape, data };
  throw new EpSamError("internal", { what: "came back with an unexpected element type", where: name });
}

/** Reads a float32 result by name. */
export function floatsOf(results: Readonly<Record<string, HostTensor>>, name: string): Float32Array {
  const tensor = results[name];
  if (tensor?.dataType !== "float32") {
    throw new EpSamError("internal", { what: "is not a float32 result of the graph", where: name });
  }
  return tensor.data;
}
