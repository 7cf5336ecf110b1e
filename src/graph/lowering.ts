import {
  type OnnxAttribute,
  OnnxAttributeType,
  OnnxDataType,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx/schema.js";
import type { DataType, HostTensor, Shape } from "./value.js";

/** Which kind of execution provider a graph is encoded for; the best node sequences differ. */
export type LoweringTarget = "cpu" | "gpu";

/** Values of ONNX node attributes; numbers that are integers become `int`, `float` marks the others. */
export type AttributeValue = number | { readonly float: number } | string | readonly number[];

/** Collects ONNX nodes and initialisers while a graph is encoded. */
export class LoweringContext {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #constants = new Map<string, string>();
  readonly #shared = new Map<string, readonly string[]>();
  #counter = 0;

  constructor(readonly target: LoweringTarget) {}

  /** Adds a node with one result and returns the result's name. */
  node(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): string {
    const [result] = this.multiNode(opType, inputs, 1, attributes, domain);
    return result ?? "";
  }

  /** Adds a node with several results. */
  multiNode(
    opType: string,
    inputs: readonly string[],
    resultCount: number,
    attributes: Readonly<Record<string, AttributeValue>> = {},
    domain = "",
  ): readonly string[] {
    const name = `${opType}_${this.#counter++}`;
    const output = Array.from({ length: resultCount }, (_, index) => `${name}:${index}`);
    this.nodes.push({
      name,
      opType,
      domain,
      input: [...inputs],
      output,
      attribute: Object.entries(attributes).map(([key, value]) => encodeAttribute(key, value)),
    });
    return output;
  }

  /** Adds a node once for a key, so that operations reading different results of it share it. */
  sharedNode(key: string, add: () => readonly string[]): readonly string[] {
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const added = add();
    this.#shared.set(key, added);
    return added;
  }

  /** Stores a tensor and returns its name. */
  constant(tensor: HostTensor): string {
    const name = `constant_${this.#counter++}`;
    this.initializers.push(encodeTensor(name, tensor));
    return name;
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
    return this.#smallConstant(`scalar ${value}`, {
      dataType: "float32",
      shape: [],
      data: Float32Array.of(value),
    });
  }

  /** Stores a constant vector of equal floats once. */
  filledVector(length: number, value: number): string {
    return this.#smallConstant(`vector ${length} ${value}`, {
      dataType: "float32",
      shape: [length],
      data: new Float32Array(length).fill(value),
    });
  }

  #smallConstant(key: string, tensor: HostTensor): string {
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.constant(tensor);
    this.#constants.set(key, name);
    return name;
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
