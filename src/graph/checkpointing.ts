import { ancestors } from "./ancestors.js";
import { apply } from "./operation.js";
import { add } from "./operations/elementwise.js";
import type { OperationName } from "./operations/index.js";
import { zeroAfter } from "./operations/ordering.js";
import { reshape } from "./operations/shapes.js";
import type { ForwardValues } from "./recomputation.js";
import { cutIntoSegments } from "./segments.js";
import { elementCount, type Value } from "./value.js";

/**
 * Gradient checkpointing by segment (Chen et al., 2016, arXiv 1604.06174): the forward pass is cut into segments,
 * only what crosses a cut is kept, and each segment is computed again from that when the backward pass reaches it.
 * The last segment is kept, since the backward pass begins there. The copies run the same operations on the same
 * numbers, so gradients are those of the plain graph.
 */
export class SegmentRecomputation implements ForwardValues {
  /** Values that are computed again, with the segment they lie in. */
  readonly #segments: ReadonlyMap<Value, number>;
  readonly #waits = new Map<number, Value>();
  readonly #copies = new Map<Value, Value>();

  /** @param loss where the forward pass ends; it is cut where that needs the least memory. */
  constructor(loss: Value) {
    const forward = ancestors([loss]);
    this.#segments = withoutKept(cutIntoSegments(recomputable(forward)), forward);
  }

  /** What a gradient's rule reads in place of `value`: it, or a copy that is computed once `gradient` has been. */
  inBackwardPass(value: Value, gradient: Value): Value {
    const segment = this.#segments.get(value);
    if (segment === undefined) return value;
    // The backward pass meets a segment's last value first: nothing of the segment is needed before its gradient.
    const wait = this.#waits.get(segment) ?? zeroAfter(gradient);
    this.#waits.set(segment, wait);
    return this.#copy(value, segment, wait);
  }

  #copy(value: Value, segment: number, wait: Value): Value {
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    const { source } = value;
    if (source.kind !== "operation" || this.#segments.get(value) !== segment) return value;
    const operands = source.inputs.map((operand) => this.#copy(operand, segment, wait));
    const waits = operands.some((operand, index) => operand !== source.inputs[index]);
    const copy = apply(source.operation, waits ? operands : waiting(operands, wait), source.attributes);
    this.#copies.set(value, copy);
    return copy;
  }
}

/** The operands with the wait, which is zero, added to the smallest that can take it. */
function waiting(operands: readonly Value[], wait: Value): readonly Value[] {
  const [smallest] = operands.filter(isFloat).sort((a, b) => elementCount(a.shape) - elementCount(b.shape));
  return operands.map((operand) =>
    operand === smallest ? reshape(add(operand, wait), operand.shape) : operand,
  );
}

const isFloat = ({ dataType }: Value): boolean => dataType === "float32";

/**
 * Results that depend on what is fed, not on parameters and constants alone. What micro-batches have agreed on is
 * kept: it is small, and computing it again would mean agreeing again.
 */
function recomputable(forward: readonly Value[]): Value[] {
  const fed = new Set<Value>();
  const synchronised: OperationName = "synchronised";
  for (const value of forward) {
    const { source } = value;
    if (source.kind === "input") fed.add(value);
    if (source.kind !== "operation" || !source.inputs.some((operand) => fed.has(operand))) continue;
    if (source.operation.name !== synchronised && source.inputs.some(isFloat)) fed.add(value);
  }
  return forward.filter((value) => value.source.kind === "operation" && fed.has(value));
}

/** Leaves out what is kept: the last segment, and values that a later segment reads. */
function withoutKept(segments: ReadonlyMap<Value, number>, forward: readonly Value[]): Map<Value, number> {
  const last = Math.max(0, ...segments.values());
  const left = new Map([...segments].filter(([, segment]) => segment !== last));
  for (const value of forward) {
    if (value.source.kind !== "operation") continue;
    const segment = segments.get(value);
    if (segment === undefined) continue;
    for (const operand of value.source.inputs) if (segments.get(operand) !== segment) left.delete(operand);
  }
  return left;
}
