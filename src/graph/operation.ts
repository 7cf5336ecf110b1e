import { EpSamError } from "../common/index.js";
import type { LoweringContext } from "./lowering.js";
import { type DataType, formatShape, makeValue, type Shape, shape4, type Value } from "./value.js";

/** Shape and element type that an operation gives. */
export interface Inferred {
  readonly shape: Shape;
  readonly dataType: DataType;
}

/** What a vector–Jacobian product works with. */
export interface GradientContext<Attributes> {
  readonly inputs: readonly Value[];
  readonly output: Value;
  /** The gradient of the loss with respect to `output`. */
  readonly gradient: Value;
  readonly attributes: Attributes;
  /** Which inputs lead to a parameter; the others' gradients need not be built. */
  readonly needed: readonly boolean[];
}

/** One entry of the registry: shape rule, ONNX lowering and vector–Jacobian product. */
export interface OperationDefinition<Attributes> {
  readonly name: string;
  /** @throws EpSamError `shape` naming the operation and the shapes. */
  infer(inputs: readonly Value[], attributes: Attributes): Inferred;
  /** Adds ONNX nodes and returns the name of the result. */
  lower(context: LoweringContext, inputs: readonly string[], node: LoweredNode<Attributes>): string;
  /**
   * Where the CPU provider has it: as `lower`, but adds the result named `base`, of the result's shape, in the same
   * pass over memory.
   */
  lowerSum?(
    context: LoweringContext,
    inputs: readonly string[],
    base: SumBase,
    node: LoweredNode<Attributes>,
  ): string;
  /**
   * Gradients for the inputs, `undefined` where none flows; `null` declares an operation whose derivative is
   * zero wherever it exists (comparisons, signs, indices).
   */
  readonly gradient: VectorJacobianProduct<Attributes> | null;
}

/** A rule that gives the inputs' gradients; a method type, so that values can hold any operation. */
type VectorJacobianProduct<Attributes> = {
  rule(context: GradientContext<Attributes>): readonly (Value | undefined)[];
}["rule"];

/** What an operation's result is added to. */
export interface SumBase {
  readonly name: string;
  /** True where something else reads it later, so that the sum must not take its memory. */
  readonly isReadLater: boolean;
}

/** The node being lowered: its attributes and the shapes around it. */
export interface LoweredNode<Attributes> {
  readonly attributes: Attributes;
  readonly inputs: readonly Value[];
  readonly output: Value;
}

/** An operation of the registry, callable through {@link apply}. */
export type Operation<Attributes> = OperationDefinition<Attributes>;

/** Declares an operation. */
export function defineOperation<Attributes>(
  definition: OperationDefinition<Attributes>,
): Operation<Attributes> {
  return definition;
}

/** Adds an operation to the graph, checking its inputs. */
export function apply<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Value[],
  attributes: Attributes,
): Value {
  const { shape, dataType } = operation.infer(inputs, attributes);
  return makeValue(shape, dataType, { kind: "operation", operation, inputs, attributes });
}

/** An error that names the operation and the shapes it was given. */
export function shapeError(operation: string, inputs: readonly Value[], why: string): EpSamError {
  const shapes = inputs.map((value) => `${value.dataType}${formatShape(value.shape)}`).join(" and ");
  return new EpSamError("shape", { what: `cannot take ${shapes}`, where: operation, why });
}

/** Checks the number of inputs and returns the first, for operations of one operand. */
export function onlyInput(operation: string, inputs: readonly Value[]): Value {
  const [first] = inputs;
  if (first === undefined || inputs.length !== 1) throw shapeError(operation, inputs, "needs one operand");
  return first;
}

/** Checks the number of inputs and returns both, for operations of two operands. */
export function bothInputs(operation: string, inputs: readonly Value[]): readonly [Value, Value] {
  const [first, second] = inputs;
  if (first === undefined || second === undefined || inputs.length !== 2) {
    throw shapeError(operation, inputs, "needs two operands");
  }
  return [first, second];
}

/** Checks the number of inputs and returns all three, for operations of three operands. */
export function threeInputs(operation: string, inputs: readonly Value[]): readonly [Value, Value, Value] {
  const [first, second, third] = inputs;
  if (first === undefined || second === undefined || third === undefined || inputs.length !== 3) {
    throw shapeError(operation, inputs, "needs three operands");
  }
  return [first, second, third];
}

/** Checks that all operands are float32. */
export function requireFloat(operation: string, inputs: readonly Value[]): void {
  if (inputs.some((value) => value.dataType !== "float32")) {
    throw shapeError(operation, inputs, "all operands must be float32");
  }
}

/** Checks that axes are counted from the front, exist in `value`, and are named once each. */
export function requireAxes(
  operation: string,
  inputs: readonly Value[],
  value: Value,
  axes: readonly number[],
): void {
  const strange = axes.find((axis) => !Number.isInteger(axis) || axis < 0 || axis >= value.shape.length);
  if (strange !== undefined) throw shapeError(operation, inputs, `there is no axis ${strange}`);
  if (new Set(axes).size !== axes.length) {
    throw shapeError(operation, inputs, `axis ${axes.join(", ")} must be given once`);
  }
}

/** Reads the four sizes of an operand such as [N, C, H, W]. */
export function fourSizes(
  operation: string,
  inputs: readonly Value[],
  value: Value,
): readonly [number, number, number, number] {
  if (value.shape.length !== 4) {
    throw shapeError(operation, inputs, `${formatShape(value.shape)} needs four axes`);
  }
  return shape4(value, operation);
}
