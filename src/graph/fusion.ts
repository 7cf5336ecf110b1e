import type { OperationName } from "./operations/index.js";
import { sameShape, type Value } from "./value.js";

/** A sum whose one operand adds the other while it is computed. */
export interface FusedSum {
  readonly term: Value;
  readonly base: Value;
}

/** Tells whether something that comes after `reader`, or the caller, still needs one of its operands. */
export type ReadLater = (operand: Value, reader: Value) => boolean;

/**
 * @param values what the graph computes, operands before results
 * @param outputs what the graph returns
 */
export function readsLater(values: readonly Value[], outputs: readonly Value[]): ReadLater {
  const last = new Map<Value, number>();
  for (const { id, source } of values) {
    if (source.kind === "operation") for (const operand of source.inputs) last.set(operand, id);
  }
  for (const output of outputs) last.set(output, Number.POSITIVE_INFINITY);
  return (operand, reader) => (last.get(operand) ?? 0) > reader.id;
}

/**
 * How often each value is read.
 *
 * @param values what the graph computes
 * @param outputs what the graph returns
 */
export function readCounts(values: readonly Value[], outputs: readonly Value[]): ReadonlyMap<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1);
  outputs.forEach(use);
  for (const { source } of values) if (source.kind === "operation") source.inputs.forEach(use);
  return uses;
}

/**
 * Sums that one of their operands can take over (`lowerSum`) because nothing else reads that operand, by the sum's
 * value.
 *
 * @param values what the graph computes, operands before results
 * @param outputs what the graph returns
 */
export function fusedSums(values: readonly Value[], outputs: readonly Value[]): Map<Value, FusedSum> {
  const uses = readCounts(values, outputs);
  const sum: OperationName = "add";
  const found = new Map<Value, FusedSum>();
  for (const value of values) {
    if (value.source.kind !== "operation" || value.source.operation.name !== sum) continue;
    // The later operand: when it is computed, the other one exists.
    const [base, term] = [...value.source.inputs].sort((a, b) => a.id - b.id);
    if (base === undefined || term === undefined || uses.get(term) !== 1 || !canAdd(term)) continue;
    if (sameShape(base.shape, term.shape)) found.set(value, { term, base });
  }
  return found;
}

function canAdd({ source }: Value): boolean {
  return source.kind === "operation" && source.operation.lowerSum !== undefined;
}
