import type { LoweringContext } from "../lowering.js";
import { shape4, type Value } from "../value.js";

const VECTOR = 4;

/**
 * A convolution's operands as the WebGPU provider takes them: where outputs come in fours and input channels do
 * not, ONNX Runtime 1.30 sums wrongly (33 channels to 4, for example), so image and weight get channels of zeros.
 */
export function vectorChannels(
  context: LoweringContext,
  names: readonly string[],
  inputs: readonly Value[],
): readonly string[] {
  const [x = "", weight = "", ...bias] = names;
  const [, kernels] = inputs;
  if (context.target === "cpu" || kernels === undefined) return names;
  const [outputs, channels] = shape4(kernels, "conv2d");
  const missing = (VECTOR - (channels % VECTOR)) % VECTOR;
  if (missing === 0 || channels < VECTOR || outputs % VECTOR !== 0) return names;
  const padded = (name: string) =>
    context.node("Pad", [name, context.integers([0, 0, 0, 0, 0, missing, 0, 0])], { mode: "constant" });
  return [padded(x), padded(weight), ...bias];
}
