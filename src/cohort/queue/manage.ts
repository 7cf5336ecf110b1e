import type { Job } from "bullmq";
import { cancelCohorts } from "./cancel.js";
import type { QueueConnection } from "./connect.js";
import { type JobData, jobProgressSchema, readJobData } from "./job.js";

export interface QueueStatus {
  readonly paused: boolean;
  readonly waiting: number;
  /** Slides that are tried again in a while. */
  readonly delayed: number;
  readonly atWork: readonly {
    readonly slide: string;
    readonly done: number;
    readonly total: number;
    readonly worker: string | null;
  }[];
  /** Slides that failed by their own fault as often as is tried. */
  readonly setAside: readonly { readonly slide: string; readonly reason: string }[];
  readonly workers: readonly string[];
  /** What workers that cannot go on have said. */
  readonly notes: readonly string[];
}

const WAITING = ["waiting", "prioritized"] as const;

export async function queueStatus({ queue }: QueueConnection): Promise<QueueStatus> {
  const [counts, isPaused, active, delayed, failed, workers] = await Promise.all([
    queue.getJobCounts(...WAITING, "delayed"),
    queue.isPaused(),
    queue.getJobs(["active"]),
    queue.getJobs(["delayed"]),
    queue.getJobs(["failed"]),
    queue.getWorkers(),
  ]);
  const notes = delayed.flatMap(({ progress }) => jobProgressSchema.safeParse(progress).data?.note ?? []);
  return {
    paused: isPaused,
    waiting: WAITING.reduce((sum, state) => sum + (counts[state] ?? 0), 0),
    delayed: counts.delayed ?? 0,
    atWork: active.map((job) => {
      const { done = 0, total = 0 } = jobProgressSchema.safeParse(job.progress).data ?? {};
      return { slide: readJobData(job.data).slide, done, total, worker: job.processedBy ?? null };
    }),
    setAside: failed.map((job) => ({ slide: readJobData(job.data).slide, reason: job.failedReason })),
    workers: workers.map(({ rawname = "", name = "" }) => rawname.split(":w:")[1] ?? name).sort(),
    notes: [...new Set(notes)],
  };
}

/** Puts slides that were set aside into the queue again, each with all its tries. @returns how many */
export async function retryQueued({ queue }: QueueConnection): Promise<number> {
  const failed = await queue.getJobs(["failed"]);
  for (const job of failed) await job.retry("failed", { resetAttemptsMade: true });
  return failed.length;
}

/** Lets workers finish what they are at and begin nothing; or lets them go on. */
export async function pauseQueue({ queue }: QueueConnection, isPaused: boolean): Promise<void> {
  if (isPaused) await queue.pause();
  else await queue.resume();
}

/**
 * Takes slides out of the queue; those under way end at their next patch. Finished slides and patches are kept.
 * @param isMeant which; all unless told
 * @returns how many waited, and how many were under way
 */
export async function cancelQueued(
  { queue, client }: QueueConnection,
  isMeant: (data: JobData) => boolean = () => true,
): Promise<{ readonly waiting: number; readonly atWork: number }> {
  const of = async (states: ("active" | "waiting" | "prioritized" | "delayed" | "failed")[]) => {
    const jobs: Job[] = await queue.getJobs(states);
    return jobs.filter((job) => isMeant(readJobData(job.data)));
  };
  const all = await of(["active", ...WAITING, "delayed", "failed"]);
  await cancelCohorts(client, [...new Set(all.map((job) => readJobData(job.data).cohort))]);
  let waiting = 0;
  for (const job of await of([...WAITING, "delayed", "failed"])) {
    // One that a worker has begun meanwhile sees that it is cancelled.
    if ((await queue.remove(job.id ?? "")) === 1) waiting += 1;
  }
  return { waiting, atWork: (await of(["active"])).length };
}
