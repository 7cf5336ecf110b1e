import { z } from "zod";
import type { ProgressEvent, Reporter } from "./progress.js";

/** Environment variable that tells a command that a server runs it as a job; its value is 1. */
export const JOB_VARIABLE = "EPSAM_JOB";

const progressSchema: z.ZodType<ProgressEvent> = z.object({
  task: z.string(),
  done: z.number(),
  total: z.number(),
  detail: z.string().optional(),
});

/** What a job tells the server that started it, over the channel between the two processes. */
export const jobMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("progress"), event: progressSchema }),
  z.object({ type: z.enum(["note", "warning"]), text: z.string() }),
]);
export type JobMessage = z.infer<typeof jobMessageSchema>;

/** The part of a process that a job needs. */
export interface JobProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly send?: ((message: JobMessage) => unknown) | undefined;
  readonly channel?: { unref(): void } | null | undefined;
  once(event: "disconnect", listener: () => void): unknown;
}

/** Milliseconds between two progress events of one task; the last is always told. */
const INTERVAL = 200;

/**
 * The reporter of a process that a server runs as a job: it tells the server. Null for any other process.
 * @param onServerGone is called when the server has ended
 */
export function jobReporter(
  job: JobProcess,
  onServerGone: () => void,
  now: () => number = performance.now.bind(performance),
): Reporter | null {
  if (job.env[JOB_VARIABLE] !== "1" || job.send === undefined) return null;
  job.once("disconnect", onServerGone);
  // Listening must not keep the process alive when its work is done.
  job.channel?.unref();
  const last = { task: "", time: Number.NEGATIVE_INFINITY };
  return {
    progress(event) {
      const isLast = event.done >= event.total;
      if (event.task === last.task && !isLast && now() - last.time < INTERVAL) return;
      last.task = event.task;
      last.time = now();
      job.send?.({ type: "progress", event });
    },
    note: (text) => job.send?.({ type: "note", text }),
    warn: (text) => job.send?.({ type: "warning", text }),
  };
}
