import * as z from "zod/mini";

const text = z.nullable(z.string());

/** An error as every endpoint answers it, with the fields of the command line's messages. */
export const problemSchema = z.object({
  /** Tag of the error, such as `slide`, `annotation`, `usage`, `conflict`, `not-found`, `too-large`, `busy`. */
  tag: z.string(),
  what: z.string(),
  where: text,
  why: text,
  action: text,
});
export type Problem = z.infer<typeof problemSchema>;

/** Body of every answer that is not 2xx. */
export const problemBodySchema = z.object({ problem: problemSchema });
export type ProblemBody = z.infer<typeof problemBodySchema>;
