import { z } from "zod";
import { deviceNames } from "../../graph/index.js";
import { slideJobSchema } from "./job.js";

/** What a worker asks the process in which it works on slides. */
export const slideQuestionSchema = z.object({
  job: slideJobSchema,
  device: z.enum(["auto", ...deviceNames]),
  /** See `SharedOutput.patience`. */
  patience: z.number(),
});
export type SlideQuestion = z.infer<typeof slideQuestionSchema>;

/** What that process tells before it answers. */
export const slideMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("progress"), done: z.number(), total: z.number() }),
  z.object({ type: z.enum(["note", "warning"]), text: z.string() }),
]);
export type SlideMessage = z.infer<typeof slideMessageSchema>;

export const slideAnswerSchema = z.object({ seconds: z.number() });
