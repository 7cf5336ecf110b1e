import { z } from "zod";
import type { DeviceRequest } from "../../graph/index.js";
import type { SlideJob } from "./job.js";

/** What a worker asks the process in which it works on slides. */
export interface SlideQuestion {
  readonly job: SlideJob;
  readonly device: DeviceRequest;
  /** See `SharedOutput.patience`. */
  readonly patience: number;
}

/** What that process tells before it answers. */
export const slideMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("progress"), done: z.number(), total: z.number() }),
  z.object({ type: z.enum(["note", "warning"]), text: z.string() }),
]);
export type SlideMessage = z.infer<typeof slideMessageSchema>;

export const slideAnswerSchema = z.object({ seconds: z.number() });
