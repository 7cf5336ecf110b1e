import { availableParallelism, hostname } from "node:os";
import type { Job, Worker } from "bullmq";
import {
  AnsweringChild,
  closing,
  EpSamError,
  isEpSamError,
  moduleBeside,
  packageVersion,
  pause,
  type Reporter,
  untilAborted,
  withoutFolders,
} from "../../common/index.js";
import type { DeviceRequest } from "../../graph/index.js";
import { isCancelled } from "./cancel.js";
import { connectQueue, isFull, QUEUE_NAME, type QueueConnection } from "./connect.js";
import { isOwnFault, reasonOf } from "./faults.js";
import { type JobData, type JobProgress, type JobResult, readJobData } from "./job.js";
import { type SlideQuestion, slideAnswerSchema, slideMessageSchema } from "./slide-work.js";
import { WorkerFigures } from "./worker-figures.js";

/** Milliseconds between two looks whether a slide is still wanted, and two reports of how far it is. */
const LOOK = 1000;
/** Milliseconds after which a slide is tried again that another process is at. */
const BUSY_AGAIN = 5000;
/** Milliseconds after which a slide is tried again that failed by the fault of this machine. */
const FAULT_AGAIN = 30_000;
/** Milliseconds that BullMQ has to end without Redis. */
const GIVING_UP = 5000;
/** Looks at an empty queue before a worker ends that is to: between two steps a queue is empty for a moment. */
const EMPTY_LOOKS = 10;
/** A job that was taken over so often was so since machines went, not by its own fault. */
const ANY_NUMBER = 1_000_000_000;

export interface WorkerOptions {
  readonly url: string;
  /** Slides at a time, each in a process of its own. */
  readonly concurrency: number;
  readonly device: DeviceRequest;
  /** Seconds without a sign of life after which others take over a slide. */
  readonly leaseSeconds: number;
  /** Ends when the queue is empty. */
  readonly untilEmpty?: boolean | undefined;
  /** File of the module that works on slides; see `slide-process.ts`. */
  readonly slideModule?: string | undefined;
  readonly figures?: WorkerFigures | undefined;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export interface WorkerResult {
  readonly slides: number;
  readonly failed: number;
  readonly seconds: number;
}

/**
 * Works on slides of the queue until the signal aborts: slides under way end at their next patch then and go back to the
 * queue, where others go on with the patches that are done.
 * @throws EpSamError `run-directory` when the run is another one here, `configuration` for another version; both since
 *   every slide would fail in the same way
 */
export async function runWorker(options: WorkerOptions): Promise<WorkerResult> {
  return closing(connectQueue(options), (connection) => new QueueWorker(options, connection).run());
}

class QueueWorker {
  readonly #options: WorkerOptions;
  readonly #connection: QueueConnection;
  readonly #figures: WorkerFigures;
  /** Aborts when this worker ends, for whatever reason. */
  readonly #ending = new AbortController();
  readonly #idle: AnsweringChild<SlideQuestion>[] = [];
  #fault: EpSamError | null = null;
  /** Questions to processes that work on slides. */
  #asking = 0;

  constructor(options: WorkerOptions, connection: QueueConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#figures = options.figures ?? new WorkerFigures();
  }

  async run(): Promise<WorkerResult> {
    const { concurrency, leaseSeconds, reporter, signal } = this.#options;
    const lease = leaseSeconds * 1000;
    const { bullmq, options } = this.#connection;
    const started = performance.now();
    const worker = new bullmq.Worker<unknown, JobResult>(
      QUEUE_NAME,
      (job, token, lost) => this.#process(job, token ?? "", lost),
      {
        connection: options,
        concurrency,
        name: `${hostname()}-${process.pid}`,
        lockDuration: lease,
        stalledInterval: lease / 2,
        maxStalledCount: ANY_NUMBER,
        runRetryDelay: LOOK,
        drainDelay: 2,
      },
    );
    worker.on("lockRenewalFailed", (ids) => {
      for (const id of ids) worker.cancelJob(id, "lost");
    });
    worker.on("stalled", (id) => reporter.note(`A slide was taken over from a worker that is gone (${id}).`));
    worker.on("error", (failure) => {
      if (isFull(failure)) reporter.warn("Redis is full (maxmemory); waiting until it has room.");
    });
    const stop = () => this.#ending.abort();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      await this.#untilEnd(worker);
    } finally {
      signal.removeEventListener("abort", stop);
      for (const child of this.#idle) child.end();
    }
    if (this.#fault !== null) throw this.#fault;
    const { done, failed } = this.#figures;
    return { slides: done, failed, seconds: (performance.now() - started) / 1000 };
  }

  async #untilEnd(worker: Worker): Promise<void> {
    const { untilEmpty = false } = this.#options;
    const { signal } = this.#ending;
    let empty = 0;
    while (!signal.aborted && empty < EMPTY_LOOKS) {
      // The end of the worker is no failure.
      await pause(LOOK, signal).catch(() => undefined);
      if (!untilEmpty) continue;
      const counts = this.#connection.queue.getJobCounts("waiting", "active", "delayed", "prioritized");
      const known = await untilAborted(counts, signal).catch((failure: unknown) => {
        if (!signal.aborted) throw failure;
        return { unknown: 1 };
      });
      const isEmpty = Object.values(known).every((count) => count === 0);
      empty = isEmpty ? empty + 1 : 0;
    }
    // Jobs under way go back by themselves.
    await worker.pause(true);
    await this.#leave(worker);
  }

  /** Ends without a Redis that is away, too: slides under way are taken over after the lease, with the patches that are done. */
  async #leave(worker: Worker): Promise<void> {
    const { isThere, answers, giveUp } = this.#connection;
    while (this.#asking > 0 && !isThere()) await pause(LOOK, undefined);
    if (await answers(() => worker.close())) return;
    giveUp();
    await Promise.race([worker.close(true), pause(GIVING_UP, undefined)]);
  }

  /** @throws what BullMQ counts as a failure of the slide; everything else goes back to the queue */
  async #process(
    job: Job<unknown, JobResult>,
    token: string,
    lost: AbortSignal | undefined,
  ): Promise<JobResult> {
    const { reporter } = this.#options;
    const data = readJobData(job.data);
    const stop = new AbortController();
    const end = () => stop.abort();
    const signals = lost === undefined ? [this.#ending.signal] : [this.#ending.signal, lost];
    for (const signal of signals) signal.addEventListener("abort", end, { once: true });
    const progress: { value: JobProgress } = { value: { done: 0, total: 0, note: null } };
    const watch = this.#watch(job, data.cohort, stop, progress);
    this.#figures.begin();
    try {
      await this.#requireVersion(data);
      if (await isCancelled(this.#connection.client, data.cohort))
        return { outcome: "cancelled", seconds: 0 };
      const { seconds } = await this.#ask(data, stop.signal, progress);
      this.#figures.finish(seconds);
      reporter.note(`${data.slide}: ${activityOf(data)} in ${seconds.toFixed(1)} s`);
      return { outcome: "done", seconds };
    } catch (failure) {
      if (watch.isCancelled()) return { outcome: "cancelled", seconds: 0 };
      return await this.#putBack(job, token, data, failure, stop.signal.aborted);
    } finally {
      this.#figures.end();
      watch.end();
      for (const signal of signals) signal.removeEventListener("abort", end);
    }
  }

  /** Looks whether the slide is still wanted, and tells how far it is. */
  #watch(
    job: Job<unknown, JobResult>,
    cohort: string,
    stop: AbortController,
    progress: { readonly value: JobProgress },
  ) {
    let isOver = false;
    let told: JobProgress | null = null;
    const look = async (): Promise<void> => {
      if (await isCancelled(this.#connection.client, cohort)) {
        isOver = true;
        stop.abort();
      }
      if (progress.value === told) return;
      told = progress.value;
      await job.updateProgress(told);
    };
    // A Redis that is away, or full, is told by the connection.
    const timer = setInterval(() => void look().catch(() => undefined), LOOK);
    return { isCancelled: () => isOver, end: () => clearInterval(timer) };
  }

  async #requireVersion({ version }: JobData): Promise<void> {
    const own = await packageVersion();
    if (version === own) return;
    throw new EpSamError("configuration", {
      what: `this worker is version ${own} of ep-sam, and the slides in the queue are for ${version}`,
      action: "Install the same version everywhere: another may give other results.",
    });
  }

  async #ask(data: JobData, signal: AbortSignal, progress: { value: JobProgress }) {
    const { device, leaseSeconds, reporter } = this.#options;
    const child = this.#idle.pop() ?? this.#newChild();
    const question: SlideQuestion = { job: data.job, device, patience: leaseSeconds * 1000 };
    this.#asking += 1;
    try {
      return await child.ask(question, slideAnswerSchema, undefined, {
        signal,
        onTold: (told) => {
          const message = slideMessageSchema.safeParse(told).data;
          if (message === undefined) return;
          if (message.type === "progress")
            progress.value = { done: message.done, total: message.total, note: null };
          else {
            const text = `${data.slide}: ${withoutFolders(message.text)}`;
            if (message.type === "note") reporter.note(text);
            else reporter.warn(text);
          }
        },
      });
    } finally {
      this.#asking -= 1;
      if (!child.isLost) this.#idle.push(child);
    }
  }

  #newChild(): AnsweringChild<SlideQuestion> {
    const { concurrency, slideModule } = this.#options;
    const threads =
      process.env.EPSAM_THREADS ?? String(Math.max(1, Math.floor(availableParallelism() / concurrency)));
    return new AnsweringChild<SlideQuestion>({
      module: slideModule ?? moduleBeside(import.meta.url, "./slide-process"),
      environment: { ...process.env, EPSAM_THREADS: threads },
    });
  }

  /** Gives a slide back that could not be worked on here; what is its own fault is thrown. */
  async #putBack(
    job: Job<unknown, JobResult>,
    token: string,
    { slide }: JobData,
    failure: unknown,
    isStopped: boolean,
  ): Promise<never> {
    const { reporter } = this.#options;
    const { DelayedError } = this.#connection.bullmq;
    const later = async (milliseconds: number): Promise<never> => {
      await job.moveToDelayed(Date.now() + milliseconds, token);
      throw new DelayedError();
    };
    // Another worker may begin at once where this one ends.
    if (isStopped) return later(0);
    if (isEpSamError(failure, "busy")) return later(BUSY_AGAIN);
    const reason = reasonOf(failure);
    if (isOwnFault(failure)) {
      this.#figures.fail();
      reporter.warn(`${slide}: ${reason}`);
      throw new Error(reason);
    }
    await job.updateProgress({ done: 0, total: 0, note: `${hostname()}: ${reason}` });
    if (isEpSamError(failure, "storage")) {
      reporter.warn(`${slide}: ${reason} Tried again in ${FAULT_AGAIN / 1000} s.`);
      return later(FAULT_AGAIN);
    }
    // Every slide would fail here in the same way.
    this.#fault = isEpSamError(failure) ? failure : new EpSamError("internal", { what: reason });
    this.#ending.abort();
    return later(0);
  }
}

/** What is done with a slide, or with patches. */
function activityOf({ job }: JobData): string {
  if (job.kind === "infer") return "segmented";
  return job.kind === "embed" ? "embedded" : job.work.kind;
}
