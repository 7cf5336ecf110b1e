import type { PyramidReduction } from "./types.js";

/**
 * One row of the next pyramid level from two rows of the one above. A single last column or row counts twice.
 * @param width of the upper level
 * @param target gets `max(1, floor(width / 2))` values from `at` on
 */
export function reduceRows(
  reduction: PyramidReduction,
  upper: Uint8Array,
  lower: Uint8Array,
  width: number,
  target: Uint8Array,
  at: number,
): void {
  const columns = Math.max(1, Math.floor(width / 2));
  for (let column = 0; column < columns; column++) {
    const left = 2 * column;
    const right = Math.min(left + 1, width - 1);
    const a = upper[left] ?? 0;
    const b = upper[right] ?? 0;
    const c = lower[left] ?? 0;
    const d = lower[right] ?? 0;
    if (reduction === "nearest") target[at + column] = a;
    else if (reduction === "mean") target[at + column] = (a + b + c + d + 2) >> 2;
    else target[at + column] = majority(a, b, c, d);
  }
}

/** The value most of the four have; of values that are equally many the largest, so that thin parts stay seen. */
function majority(a: number, b: number, c: number, d: number): number {
  if (a === b && c === d) return a > c ? a : c;
  if (a === c && b === d) return a > b ? a : b;
  if (a === d && b === c) return a > b ? a : b;
  // What is left has one pair of equal values, or three equal, or none.
  if (a === b || a === c || a === d) return a;
  if (b === c || b === d) return b;
  if (c === d) return c;
  return Math.max(a, b, c, d);
}
