import { isEpSamError, messageOf } from "../../../common/index.js";
import type { Adapter } from "./vulkan.js";

/** What a device's probe found. */
export type ProbeResult =
  | {
      readonly works: true;
      readonly adapter?: Adapter | undefined;
      /** Billions of floating-point operations a second, in a convolution of medium size. */
      readonly gigaflops: number;
    }
  | { readonly works: false; readonly reason: string; readonly adapter?: Adapter | undefined };

/** The telling part of an engine's error; what comes before are source files and function signatures. */
export function shortReason(thrown: unknown): string {
  const message = isEpSamError(thrown) ? (thrown.fields.why ?? thrown.message) : messageOf(thrown);
  const lines = message.split("\n").map((line) => line.trim());
  const line = lines.find((candidate) => candidate !== "") ?? "no reason given";
  return /(?:was false\. |\[ONNXRuntimeError\] : \d+ : )(.+)$/.exec(line)?.[1] ?? line;
}

/**
 * The result with what WebGPU wrote of a driver that it refused: its error says that there is no adapter, though
 * Vulkan lists one.
 */
export function withRefusal(result: ProbeResult, errorOutput: string): ProbeResult {
  const [, lack] = /^Warning: (.+?)\.?\n - While initializing adapter/m.exec(errorOutput) ?? [];
  if (result.works || lack === undefined) return result;
  return { ...result, reason: `${result.reason}; a driver was refused, perhaps as too old: ${lack}` };
}
