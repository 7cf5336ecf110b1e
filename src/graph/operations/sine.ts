import type { LoweringContext } from "../lowering.js";

/** 2π in two parts, the first with so few digits that its small multiples are exact. */
const [FULL_TURN, REST_OF_TURN] = [6.28125, 2 * Math.PI - 6.28125];
/** Odd powers of the Taylor series up to x¹⁷, which leave 2e-8 at π. */
const TERMS = 9;

/**
 * sin x by range reduction and Taylor series. GPUs have a sine of their own, but need not compute it to more than
 * 11 bits (Vulkan specification, "Precision and Operation of SPIR-V Instructions"), which positional encodings show.
 */
export function accurateSine(context: LoweringContext, x: string): string {
  const multiply = (a: string, b: string) => context.node("Mul", [a, b]);
  const turns = context.node("Floor", [
    context.node("Add", [multiply(x, context.scalar(1 / (2 * Math.PI))), context.scalar(0.5)]),
  ]);
  const without = (angle: string, turn: number) =>
    context.node("Sub", [angle, multiply(turns, context.scalar(turn))]);
  const angle = without(without(x, FULL_TURN), REST_OF_TURN);
  const square = multiply(angle, angle);
  let series = context.scalar(1);
  for (let term = TERMS - 1; term > 0; term--) {
    // 1 − x² / (2k (2k + 1)) · (the rest of the series)
    const ratio = context.scalar(-1 / (2 * term * (2 * term + 1)));
    series = context.node("Add", [multiply(multiply(square, ratio), series), context.scalar(1)]);
  }
  return multiply(angle, series);
}
