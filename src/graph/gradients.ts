import { EpSamError } from "../common/index.js";
import { ancestors } from "./ancestors.js";
import { SegmentRecomputation } from "./checkpointing.js";
import { add } from "./operations/elementwise.js";
import { type ForwardValues, Recomputation } from "./recomputation.js";
import { elementCount, floats, formatShape, type Value } from "./value.js";

/** Which values of the forward pass are computed again in the backward pass, to save memory. */
export interface GradientOptions {
  /**
   * Bytes of activations that may be kept when they could be computed again cheaply; above it they are. Without it all
   * are kept.
   */
  readonly keepAtMost?: number;
  /** Keeps only what crosses the borders of segments, and computes each segment again: a second forward pass. */
  readonly segments?: boolean;
}

/**
 * Reverse-mode differentiation: builds the graph of the loss's gradients from the registry's rules.
 *
 * @param loss a float32 value with one element.
 * @param parameters values to differentiate with respect to (parameters, inputs or anything in between).
 * @returns for each parameter its gradient in its shape, or `undefined` when it takes no part in the loss.
 * @throws EpSamError `shape` when the loss is not a scalar; `internal` naming an operation without a rule.
 */
export function gradients(
  loss: Value,
  parameters: readonly Value[],
  { keepAtMost = Number.POSITIVE_INFINITY, segments = false }: GradientOptions = {},
): (Value | undefined)[] {
  if (elementCount(loss.shape) !== 1) {
    throw new EpSamError("shape", { what: `is ${formatShape(loss.shape)}, not one number`, where: "loss" });
  }
  const path = valuesBetween(parameters, loss);
  const forward = segments ? new SegmentRecomputation(loss) : new Recomputation(path, keepAtMost);
  const accumulated = new Map<Value, Value>([[loss, floats(new Float32Array([1]), loss.shape)]]);
  for (const value of [...path].sort((a, b) => b.id - a.id)) {
    const gradient = accumulated.get(value);
    if (gradient === undefined || value.source.kind !== "operation") continue;
    propagate(value, gradient, path, accumulated, forward);
  }
  return parameters.map((parameter) => accumulated.get(parameter));
}

/** All values that depend on one of `starts` and lead to `end`, both included. */
function valuesBetween(starts: readonly Value[], end: Value): ReadonlySet<Value> {
  const depends = new Map<Value, boolean>();
  for (const start of starts) depends.set(start, true);
  for (const value of ancestors([end])) {
    if (depends.has(value)) continue;
    const inputs = value.source.kind === "operation" ? value.source.inputs : [];
    depends.set(
      value,
      inputs.some((input) => depends.get(input) === true),
    );
  }
  return new Set([...depends].filter(([, yes]) => yes).map(([value]) => value));
}

function propagate(
  value: Value,
  gradient: Value,
  path: ReadonlySet<Value>,
  accumulated: Map<Value, Value>,
  forward: ForwardValues,
): void {
  if (value.source.kind !== "operation") return;
  const { operation, inputs, attributes } = value.source;
  if (operation.gradient === undefined) {
    throw new EpSamError("internal", { what: "has no gradient rule", where: `operation ${operation.name}` });
  }
  if (operation.gradient === null) return;
  const needed = inputs.map((input) => path.has(input));
  const parts = operation.gradient({
    inputs: inputs.map((input) => forward.inBackwardPass(input, gradient)),
    output: forward.inBackwardPass(value, gradient),
    gradient,
    attributes,
    needed,
  });
  inputs.forEach((input, index) => {
    const part = parts[index];
    if (part === undefined || !needed[index]) return;
    const known = accumulated.get(input);
    accumulated.set(input, known === undefined ? part : add(known, part));
  });
}
