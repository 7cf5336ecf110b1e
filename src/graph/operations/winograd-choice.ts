import type { LoweringContext } from "../lowering.js";
import { shape4, type Value } from "../value.js";
import type { WeightGradientAttributes } from "./convolution-weights.js";
import { type WinogradResult, winogradPays } from "./winograd.js";

/** Where {@link suitsWinograd}; float16 has too few digits for the transforms. */
export function usesWinograd(
  { target, floatType }: LoweringContext,
  ...of: Parameters<typeof suitsWinograd>
): boolean {
  return target === "cpu" && floatType === "float32" && suitsWinograd(...of);
}

/**
 * True where the CPU convolves images `x` to images `result`, and back, or gets the weight's gradient from them, faster by
 * Winograd's algorithm.
 */
export function suitsWinograd(
  x: Value,
  result: Value,
  { stride, kernel: [kernelHeight, kernelWidth] }: WeightGradientAttributes,
  wanted: WinogradResult = "image",
): boolean {
  if (stride !== 1 || kernelHeight !== 3 || kernelWidth !== 3) return false;
  const [batch, channels] = shape4(x, "conv2d");
  const [, outputs, height, width] = shape4(result, "conv2d");
  return winogradPays({ batch, channels, outputs, height, width }, wanted);
}
