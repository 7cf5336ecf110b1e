import type { LoweringContext } from "../lowering.js";

/** Takes every positive normal number of the type to 1 or more. */
const FAR_ABOVE_ONE = { float32: 3e38, float16: 6e4 } as const;

/**
 * 1 where x > 0, else 0, as max(0, min(1, αx)): in one pass and on every thread of a CPU, unlike comparisons, casts
 * and signs, and without the truth values that GPUs cannot rearrange in their memory.
 */
export function positiveNode(context: LoweringContext, x: string): string {
  const alpha = FAR_ABOVE_ONE[context.floatType];
  return context.node("HardSigmoid", [x], { alpha: { float: alpha }, beta: { float: 0 } });
}
