import { aboutTime, EpSamError, pause, type Reporter, untilAborted } from "../../common/index.js";
import { isCancelled, uncancel } from "./cancel.js";
import { type QueueConnection, whenThereIsRoom } from "./connect.js";
import { jobProgressSchema, type QueuedJob } from "./job.js";

/** Milliseconds between two looks at the queue. */
const LOOK = 500;
/** Jobs that are looked at each time beside those at work: the queue is worked off in order. */
const LOOKED_AT = 100;
/** Jobs that are put into the queue with one question. */
const AT_ONCE = 200;
/** Times that a slide may fail by its own fault. */
const TRIES = 3;
/** Milliseconds before a slide is tried again. */
const BACKOFF = 1000;

/** How a job ended: done, or set aside since it failed by its own fault, with the last reason. */
export type Settled = { readonly done: true } | { readonly failed: string };

interface Followed {
  readonly job: QueuedJob;
  /** Whether what the job makes is there. */
  readonly isDone: () => Promise<boolean>;
  readonly settle: (settled: Settled) => void;
  readonly reject: (reason: unknown) => void;
}

export interface FollowOptions {
  readonly connection: QueueConnection;
  readonly cohort: string;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** What the jobs are called together, such as `slides on the queue`. */
  readonly task: string;
}

/**
 * Puts jobs into the queue and follows them to their end. What is done is known by the files that were made, so jobs that
 * Redis forgot (it had no file of its own, or was cleared by hand) are put in again.
 */
export class Follower {
  readonly #options: FollowOptions;
  readonly #waiting = new Map<string, Followed>();
  readonly #unsent: Followed[] = [];
  #total = 0;
  #settled = 0;
  #started: number | null = null;
  #atWork: ReadonlySet<string> = new Set();
  #running: Promise<void> | null = null;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  /**
   * Has a job done by a worker.
   * @param total how many jobs there will be, for the progress
   * @throws the signal's reason, and EpSamError `usage` when the jobs were cancelled elsewhere
   */
  submit(job: QueuedJob, isDone: () => Promise<boolean>): Promise<Settled> {
    const result = new Promise<Settled>((settle, reject) => {
      this.#unsent.push({ job, isDone, settle, reject });
    });
    this.#total += 1;
    this.#running ??= this.#run().catch((failure: unknown) => {
      for (const { reject } of [...this.#unsent.splice(0), ...this.#waiting.values()]) reject(failure);
      this.#waiting.clear();
      this.#running = null;
    });
    return result;
  }

  async #run(): Promise<void> {
    const { connection, cohort, signal } = this.#options;
    // Redis may be away, which whoever ends the command does not wait for.
    const stoppable = <T>(asked: Promise<T>): Promise<T> => untilAborted(asked, signal);
    // Whoever submits does so in this turn of the event loop.
    await Promise.resolve();
    await stoppable(uncancel(connection.client, cohort));
    this.#started ??= performance.now();
    while (this.#unsent.length > 0 || this.#waiting.size > 0) {
      signal?.throwIfAborted();
      if (await stoppable(isCancelled(connection.client, cohort))) {
        throw new EpSamError("usage", {
          where: "the queue",
          what: "was cleared of these slides by `epsam queue clear`",
          action: "Give the same command again to go on: finished slides and patches are kept.",
        });
      }
      await stoppable(this.#send());
      await stoppable(this.#look());
      await pause(LOOK, undefined);
    }
    this.#running = null;
  }

  async #send(): Promise<void> {
    const { connection, reporter, signal } = this.#options;
    while (this.#unsent.length > 0) {
      const some = this.#unsent.splice(0, AT_ONCE);
      for (const followed of some) this.#waiting.set(followed.job.id, followed);
      await whenThereIsRoom(() => connection.queue.addBulk(some.map(({ job }) => bulk(job))), {
        reporter,
        signal,
      });
    }
  }

  async #look(): Promise<void> {
    const { queue } = this.#options.connection;
    const active = (await queue.getJobs(["active"])).flatMap((job) =>
      job?.id !== undefined && this.#waiting.has(job.id) ? [{ id: job.id, progress: job.progress }] : [],
    );
    const before = this.#atWork;
    this.#atWork = new Set(active.map(({ id }) => id));
    const first = [...this.#waiting.keys()].slice(0, LOOKED_AT);
    const left = [...before].filter((id) => !this.#atWork.has(id));
    for (const id of new Set([...left, ...first])) {
      if (!this.#atWork.has(id)) await this.#lookAt(id);
    }
    await this.#report(active.map(({ progress }) => progress));
  }

  async #lookAt(id: string): Promise<void> {
    const followed = this.#waiting.get(id);
    if (followed === undefined) return;
    const { queue } = this.#options.connection;
    const state = await queue.getJobState(id);
    if (state === "failed") {
      const job = await queue.getJob(id);
      this.#settle(id, { failed: job?.failedReason ?? "it failed, and was removed from the queue since" });
    } else if (state === "completed" || state === "unknown") {
      if (await followed.isDone()) this.#settle(id, { done: true });
      else {
        // Redis has forgotten it, or a worker that was cancelled gave it up.
        await (await queue.getJob(id))?.remove();
        this.#waiting.delete(id);
        this.#unsent.push(followed);
      }
    }
  }

  #settle(id: string, settled: Settled): void {
    const followed = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#settled += 1;
    followed?.settle(settled);
  }

  async #report(progress: readonly unknown[]): Promise<void> {
    const { connection, reporter, task } = this.#options;
    const known = progress.flatMap((value) => jobProgressSchema.safeParse(value).data ?? []);
    const parts = known.reduce((sum, { done, total }) => sum + (total > 0 ? done / total : 0), 0);
    const workers = await connection.queue.getWorkersCount();
    const seconds = (performance.now() - (this.#started ?? 0)) / 1000;
    const finished = this.#settled + parts;
    const left =
      finished < 0.5 || workers === 0 ? null : aboutTime((seconds * (this.#total - finished)) / finished);
    const detail = [
      `${this.#atWork.size} at work, ${this.#total - this.#settled - this.#atWork.size} waiting`,
      workers === 0 ? "no worker: start `epsam worker`" : `${workers} worker${workers === 1 ? "" : "s"}`,
      ...(left === null ? [] : [`${left} left`]),
      ...new Set(known.flatMap(({ note }) => note ?? [])),
    ].join(", ");
    reporter.progress({ task, done: this.#settled, total: this.#total, detail });
  }
}

function bulk({ id, data }: QueuedJob) {
  return {
    name: data.job.kind,
    data,
    opts: {
      jobId: id,
      attempts: TRIES,
      backoff: { type: "fixed", delay: BACKOFF },
      removeOnComplete: true,
      removeOnFail: false,
      stackTraceLimit: 0,
    },
  };
}
