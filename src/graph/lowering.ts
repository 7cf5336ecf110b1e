import { must } from "../common/index.js";
import type { ReadLater } from "./fusion.js";
import {
  EXTERNAL_DATA,
  type OnnxAttribute,
  OnnxAttributeType,
  OnnxDataType,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx/schema.js";
import type { SumBase } from "./operation.js";
import { type DataType, elementCount, type HostTensor, type Shape, type Value } from "./value.js";

/** Which kind of execution provider a graph is encoded for; the best node sequences differ. */
export type LoweringTarget = "cpu" | "gpu";

/** Values of ONNX node attributes; numbers that are integers become `int`, `float` marks the others. */
export type AttributeValue = number | { readonly float: number } | string | readonly number[];

/** What a graph is lowered for beside the kind of device. */
export interface LoweringOptions {
  /** True where ONNX Runtime has its operations on blocked channels; false unless told. */
  readonly blockedChannels?: boolean | undefined;
  /** Tells whether one operation, and nothing else, reads a value. */
  readonly isReadOnce?: ((value: Value) => boolean) | undefined;
}

/** Collects ONNX nodes and initialisers while a graph is encoded. */
export class LoweringContext {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #constants = new Map<string, string>();
  readonly #shared = new Map<string, OnnxNode>();
  readonly #once = new Map<string, string>();
  /** Results that are stored, or computed from what is stored alone. */
  readonly #stored = new Set<string>();
  readonly #activatable = new Map<Value, OnnxNode>();
  readonly blockedChannels: boolean;
  readonly #isReadOnce: (value: Value) => boolean;
  #counter = 0;
  /** In what numbers the operation being lowered computes. */
  floatType: "float32" | "float16" = "float32";

  constructor(
    readonly target: LoweringTarget,
    readonly isReadLater: ReadLater,
    { blockedChannels = false, isReadOnce = () => false }: LoweringOptions = {},
  ) {
    this.blockedChannels = blockedChannels;
    this.#isReadOnce = isReadOnce;
  }

  /** Adds a node with one result and returns the result's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string {
    return must(this.addNode(opType, inputs, attributes, domain).output, 0, "result of the node");
  }

  /** Adds a node with one result. */
  addNode(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): OnnxNode {
    const name = `${opType}_${this.#counter++}`;
    const node = {
      name,
      opType,
      domain,
      input: [...inputs],
      output: [`${name}:0`],
      attribute: Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value)),
    };
    this.nodes.push(node);
    if (inputs.every((input) => this.#stored.has(input))) this.#stored.add(`${name}:0`);
    return node;
  }

  /** Notes that the node which gives a value can apply an activation in the same pass over memory. */
  takesActivation(value: Value, node: OnnxNode): void {
    this.#activatable.set(value, node);
  }

  /** Makes the node which gives `value` apply the activation, where it can and nothing else reads the value. */
  activate(value: Value | undefined, activation: string, limits: readonly number[]): boolean {
    const node = value !== undefined && this.#isReadOnce(value) ? this.#activatable.get(value) : undefined;
    node?.attribute.push(encodeAttribute("activation", activation), {
      name: "activation_params",
      type: OnnxAttributeType.floats,
      floats: [...limits],
    });
    return node !== undefined;
  }

  /**
   * The result `index` of a node that is added once for a key. The node has no more results than were asked for:
   * some kernels, such as max pooling, are much faster without the later ones.
   */
  sharedResult(key: string, index: number, add: () => OnnxNode): string {
    const node = this.#shared.get(key) ?? add();
    this.#shared.set(key, node);
    while (node.output.length <= index) node.output.push(`${node.name}:${node.output.length}`);
    return must(node.output, index, "result of the node");
  }

  /** The result that `add` gives, added once for a key. */
  once(key: string, add: () => string): string {
    const result = this.#once.get(key) ?? add();
    this.#once.set(key, result);
    return result;
  }

  /** Stores a tensor and returns its name. */
  constant(tensor: HostTensor): string {
    const name = `constant_${this.#counter++}`;
    this.initializers.push(encodeTensor(name, tensor));
    this.#stored.add(name);
    return name;
  }

  /** Notes a float32 tensor whose values the runtime reads from a file, and returns its name. */
  outside(shape: Shape, file: string, offset: number): string {
    const name = `outside_${this.#counter++}`;
    const place = { location: file, offset, length: 4 * elementCount(shape) };
    this.initializers.push({
      name,
      dataType: OnnxDataType.float32,
      dims: [...shape],
      dataLocation: EXTERNAL_DATA,
      externalData: Object.entries(place).map(([key, value]) => ({ key, value: `${value}` })),
    });
    this.#stored.add(name);
    return name;
  }

  /**
   * True for a tensor that is stored in the graph, or computed from such ones alone, which the runtime may rearrange once
   * and for all.
   */
  stores(name: string): boolean {
    return this.#stored.has(name);
  }

  /** Stores a tensor once for a key; numbers in the type that the operation computes in. */
  sharedConstant(key: string, tensor: HostTensor): string {
    return tensor.dataType === "float32" ? this.#inFloatType(key, tensor) : this.#smallConstant(key, tensor);
  }

  /** Stores a small list of integers (axes, sizes, starts) once. */
  integers(values: readonly number[]): string {
    return this.#smallConstant(`integers ${values.join(",")}`, {
      dataType: "int64",
      shape: [values.length],
      data: BigInt64Array.from(values, BigInt),
    });
  }

  /** Stores a float scalar once. */
  scalar(value: number): string {
    return this.#inFloatType(`scalar ${value}`, {
      dataType: "float32",
      shape: [],
      data: Float32Array.of(value),
    });
  }

  /** Stores a constant vector of equal floats once. */
  filledVector(length: number, value: number): string {
    return this.#inFloatType(`vector ${length} ${value}`, {
      dataType: "float32",
      shape: [length],
      data: new Float32Array(length).fill(value),
    });
  }

  /** A float32 constant, cast where the operation computes in float16; the runtime folds the cast. */
  #inFloatType(key: string, tensor: HostTensor): string {
    const name = this.#smallConstant(key, tensor);
    if (this.floatType === "float32") return name;
    return this.once(`float16 ${key}`, () => this.node("Cast", [name], { to: OnnxDataType.float16 }));
  }

  #smallConstant(key: string, tensor: HostTensor): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.constant(tensor);
    this.#constants.set(key, name);
    return name;
  }

  /**
   * A base that a node may add to in its own memory. Where the base is still needed, the runtime would copy it on one
   * thread; a rectifier without effect copies on all.
   */
  ownBase({ name, isReadLater }: SumBase): string {
    return isReadLater ? this.node("LeakyRelu", [name], { alpha: { float: 1 } }) : name;
  }

  /** Reshapes a result to fixed sizes. */
  reshape(name: string, shape: Shape): string {
    return this.node("Reshape", [name, this.integers(shape)]);
  }
}

/** The ONNX element type of a graph value. */
export function onnxDataType(dataType: DataType): number {
  return OnnxDataType[dataType];
}

function encodeTensor(name: string, tensor: HostTensor): OnnxTensor {
  const { data } = tensor;
  return {
    name,
    dataType: onnxDataType(tensor.dataType),
    dims: [...tensor.shape],
    rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  };
}

function encodeAttribute(name: string, value: AttributeValue): OnnxAttribute {
  if (typeof value === "number") return { name, type: OnnxAttributeType.int, i: value };
  if (typeof value === "string") {
    return { name, type: OnnxAttributeType.string, s: new TextEncoder().encode(value) };
  }
  if ("float" in value) return { name, type: OnnxAttributeType.float, f: value.float };
  return { name, type: OnnxAttributeType.ints, ints: [...value] };
}
