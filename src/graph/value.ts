import { EpSamError } from "../common/index.js";
import type { Operation } from "./operation.js";

/** Element types that graph values can have. */
export type DataType = "float32" | "int64" | "bool";

/** Sizes of the axes, outermost first; `[]` is a scalar. All sizes are known when the graph is built. */
export type Shape = readonly number[];

/** A tensor in host memory, row-major. */
export type HostTensor =
  | { readonly dataType: "float32"; readonly shape: Shape; readonly data: Float32Array }
  | { readonly dataType: "int64"; readonly shape: Shape; readonly data: BigInt64Array }
  | { readonly dataType: "bool"; readonly shape: Shape; readonly data: Uint8Array };

/** A float32 tensor in host memory, row-major. */
export type FloatTensor = Extract<HostTensor, { dataType: "float32" }>;

/** Where a value comes from: fed at run time, trained, fixed, or computed by an operation. */
export type Source =
  | { readonly kind: "input"; readonly name: string }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "constant"; readonly tensor: HostTensor }
  | {
      readonly kind: "operation";
      readonly operation: Operation<unknown>;
      readonly inputs: readonly Value[];
      readonly attributes: unknown;
    };

/** A node of the symbolic graph: a tensor that will exist when the graph runs. */
export interface Value {
  /** Creation order; inputs of an operation always have a smaller identifier than its output. */
  readonly id: number;
  readonly shape: Shape;
  readonly dataType: DataType;
  readonly source: Source;
}

let nextId = 0;

/** Makes a value; shapes are checked to hold non-negative integers. */
export function makeValue(shape: Shape, dataType: DataType, source: Source): Value {
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new EpSamError("shape", {
        what: `has the impossible shape ${formatShape(shape)}`,
        where: source.kind === "operation" ? source.operation.name : source.kind,
      });
    }
  }
  return { id: nextId++, shape, dataType, source };
}

/** A tensor fed at each run. */
export function input(name: string, shape: Shape, dataType: DataType = "float32"): Value {
  return makeValue(shape, dataType, { kind: "input", name });
}

/** A trainable float32 tensor, named as in the model's state dict. */
export function parameter(name: string, shape: Shape): Value {
  return makeValue(shape, "float32", { kind: "parameter", name });
}

/** A fixed tensor stored in the graph. */
export function constant(tensor: HostTensor): Value {
  if (tensor.data.length !== elementCount(tensor.shape)) {
    throw new EpSamError("shape", {
      what: `holds ${tensor.data.length} elements, not those of shape ${formatShape(tensor.shape)}`,
      where: "constant",
    });
  }
  return makeValue(tensor.shape, tensor.dataType, { kind: "constant", tensor });
}

/** A float32 constant from numbers; without `shape` a scalar or a vector. */
export function floats(data: number | readonly number[] | Float32Array, shape?: Shape): Value {
  const array = typeof data === "number" ? Float32Array.of(data) : Float32Array.from(data);
  return constant(floatTensor(shape ?? (typeof data === "number" ? [] : [array.length]), array));
}

/** A float32 host tensor; without data it is zero. */
export function floatTensor(shape: Shape, data?: Float32Array): FloatTensor {
  return { dataType: "float32", shape, data: data ?? new Float32Array(elementCount(shape)) };
}

/** Number of elements of a shape. */
export function elementCount(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** A shape as text, for messages: `[2, 3, 512, 512]`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** True when both shapes have the same sizes. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The size of an axis; negative axes count from the end. */
export function axisSize(shape: Shape, axis: number): number {
  const size = shape.at(axis);
  if (size === undefined) {
    throw new EpSamError("shape", { what: `has no axis ${axis}`, where: `shape ${formatShape(shape)}` });
  }
  return size;
}

/** Reads a shape that must have exactly four axes, such as [N, C, H, W]. */
export function shape4(value: Value, where: string): readonly [number, number, number, number] {
  const [a, b, c, d] = value.shape;
  if (value.shape.length !== 4 || a === undefined || b === undefined || c === undefined || d === undefined) {
    throw new EpSamError("shape", { what: `needs four axes, got ${formatShape(value.shape)}`, where });
  }
  return [a, b, c, d];
}
