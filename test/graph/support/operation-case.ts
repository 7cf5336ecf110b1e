import { RandomStream } from "../../../src/common/index.js";
import { elementCount, type HostTensor, type Value } from "../../../src/graph/index.js";
import type { Tensor } from "./tensor.js";

/** How an operand of a case is filled. */
export type OperandSpec =
  | {
      readonly kind: "uniform";
      readonly shape: readonly number[];
      readonly low: number;
      readonly high: number;
    }
  | { readonly kind: "fixed"; readonly tensor: HostTensor };

/** An operation on particular operands, and the same computation in plain JavaScript. */
export interface OperationCase {
  readonly name: string;
  readonly operands: readonly OperandSpec[];
  build(operands: readonly Value[]): Value;
  reference(operands: readonly Tensor[]): Tensor;
}

/** Random numbers in [low, high). */
export const uniform = (shape: readonly number[], low = -1, high = 1): OperandSpec => ({
  kind: "uniform",
  shape,
  low,
  high,
});

/** Evenly spaced numbers in random order, none of them 0: comparisons of any two survive a small step. */
export function distinct(shape: readonly number[], spacing = 0.01): OperandSpec {
  const count = elementCount(shape);
  const order = new RandomStream(count, "distinct", ...shape).shuffled([...Array(count).keys()]);
  const data = Float32Array.from(order, (rank) => (rank - count / 2 + 0.25) * spacing);
  return { kind: "fixed", tensor: { dataType: "float32", shape, data } };
}

/** Given numbers. */
export const numbers = (shape: readonly number[], data: readonly number[]): OperandSpec => ({
  kind: "fixed",
  tensor: { dataType: "float32", shape, data: Float32Array.from(data) },
});

/** Given integers. */
export const integers = (shape: readonly number[], data: readonly number[]): OperandSpec => ({
  kind: "fixed",
  tensor: { dataType: "int64", shape, data: BigInt64Array.from(data, BigInt) },
});

/** Given truth values. */
export const truths = (shape: readonly number[], data: readonly (0 | 1)[]): OperandSpec => ({
  kind: "fixed",
  tensor: { dataType: "bool", shape, data: Uint8Array.from(data) },
});

/** A case with one operand. */
export function one(
  name: string,
  operand: OperandSpec,
  build: (x: Value) => Value,
  reference: (x: Tensor) => Tensor,
): OperationCase {
  return {
    name,
    operands: [operand],
    build: ([x]) => build(required(x)),
    reference: ([x]) => reference(required(x)),
  };
}

/** A case with two operands. */
export function two(
  name: string,
  operands: readonly [OperandSpec, OperandSpec],
  build: (a: Value, b: Value) => Value,
  reference: (a: Tensor, b: Tensor) => Tensor,
): OperationCase {
  return {
    name,
    operands,
    build: ([a, b]) => build(required(a), required(b)),
    reference: ([a, b]) => reference(required(a), required(b)),
  };
}

/** A case with three operands. */
export function three(
  name: string,
  operands: readonly [OperandSpec, OperandSpec, OperandSpec],
  build: (a: Value, b: Value, c: Value) => Value,
  reference: (a: Tensor, b: Tensor, c: Tensor) => Tensor,
): OperationCase {
  return {
    name,
    operands,
    build: ([a, b, c]) => build(required(a), required(b), required(c)),
    reference: ([a, b, c]) => reference(required(a), required(b), required(c)),
  };
}

/** The value, which a case of fixed arity always has. */
export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("the case has fewer operands than it uses");
  return value;
}
