import { z } from "zod";
import { isEpSamError, messageOf } from "../../../common/index.js";

const adapterSchema = z.object({
  name: z.string(),
  /** What kind of hardware it is; `software` computes on the CPU. */
  kind: z.enum(["discrete", "integrated", "virtual", "software", "other"]),
  /** Largest heap of memory of its own. */
  memoryBytes: z.number(),
});

/** A graphics adapter. */
export type Adapter = z.infer<typeof adapterSchema>;

const adapter = adapterSchema.optional();

export const probeResultSchema = z.discriminatedUnion("works", [
  z.object({
    works: z.literal(true),
    adapter,
    /** Billions of floating-point operations a second, in a convolution of medium size. */
    gigaflops: z.number(),
  }),
  z.object({ works: z.literal(false), reason: z.string(), adapter }),
]);

/** What a device's probe found. */
export type ProbeResult = z.infer<typeof probeResultSchema>;

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
