import type { Value } from "./value.js";

/** Every value that the ends are computed from, the ends included, inputs before outputs. */
export function ancestors(ends: readonly Value[]): Value[] {
  const found = new Set<Value>(ends);
  for (const value of found) {
    if (value.source.kind === "operation") for (const input of value.source.inputs) found.add(input);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
