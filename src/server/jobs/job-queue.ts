import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { EpSamError, exists, lockDirectory, messageOf, storageError } from "../../common/index.js";
import type { JobEntry, JobRequest, JobState } from "../../contract/index.js";
import type { ServerContext } from "../context.js";
import { notFound, problemOf } from "../problem.js";
import type { StoredJob } from "./job-file.js";
import { JobLog } from "./job-log.js";
import { planJob } from "./job-plan.js";
import { type JobCommand, ownCommandLine, SERVER_ENDING } from "./job-process.js";
import { addProducts, requireOwnPlaces } from "./job-products.js";
import { expectedWork } from "./job-work.js";
import { jobsFolder, resolutionTable, squaresTable } from "./jobs-folder.js";
import { isPending, KeptJobs, wrongState } from "./kept-jobs.js";
import { runPlan, waitForEnd } from "./run-plan.js";

/** Jobs that may wait for their turn. */
const MOST_QUEUED = 50;

export interface JobQueueOptions {
  /** How commands are started. Default: this package's own command line. */
  readonly command?: JobCommand | undefined;
  /** See `runJobCommand`. */
  readonly graceMilliseconds?: number | undefined;
}

/**
 * Jobs that run one after the other, each in a process of its own, so that the server goes on answering and a job can
 * be stopped. What becomes of them is kept in the state directory: when the server ends, jobs that were running or
 * waiting are interrupted, and none starts again unasked.
 */
export class JobQueue {
  readonly #context: ServerContext;
  readonly #options: JobQueueOptions;
  readonly #jobs: KeptJobs;
  #opened: Promise<void> | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #current: { readonly id: string; readonly stop: AbortController } | undefined;
  #working: Promise<void> = Promise.resolve();
  #isClosing = false;

  constructor(context: ServerContext, options: JobQueueOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#jobs = new KeptJobs(jobsFolder(context.stateDirectory));
  }

  /**
   * Reads the jobs of an earlier server, marks those that it was cut off from, and gives the workspace what they
   * made. Every other method does it first.
   * @throws EpSamError `busy` when another server has the state directory, `storage`
   */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((failure: unknown) => {
      this.#opened = undefined;
      throw failure;
    });
    return this.#opened;
  }

  /** {@link open}, unless there never was a job here: looking leaves no trace. */
  async openExisting(): Promise<void> {
    const isKnown = this.#opened !== undefined || (await exists(jobsFolder(this.#context.stateDirectory)));
    if (isKnown) await this.open();
  }

  /** The newest first. */
  async list(): Promise<JobEntry[]> {
    await this.openExisting();
    return this.#jobs.all.map(({ entry }) => entry).reverse();
  }

  /**
   * Puts a job at the end of the queue.
   * @throws EpSamError as `planJob`; `busy` when too many wait
   */
  async add(request: JobRequest): Promise<JobEntry> {
    await this.open();
    const waiting = this.#jobs.all.filter(({ entry }) => entry.state === "queued");
    if (waiting.length >= MOST_QUEUED) {
      throw new EpSamError("busy", { what: `${MOST_QUEUED} jobs are waiting already` });
    }
    const id = randomBytes(6).toString("hex");
    const plan = await planJob(this.#context, id, request);
    requireOwnPlaces(plan.makes, this.#jobs.all);
    const entry: JobEntry = {
      id,
      revision: 0,
      title: plan.title,
      request,
      state: "queued",
      stopping: false,
      createdAt: new Date().toISOString(),
      startedAt: null,
      finishedAt: null,
      progress: null,
      log: [],
      problem: null,
      result: null,
      resumable: false,
    };
    await this.#put({ entry, plan, processId: null });
    this.#jobs.forgetOld();
    const queued = await this.#job(id);
    this.#startNext();
    return queued.entry;
  }

  /** Takes a job out of the queue, or stops it at its next safe point. @throws EpSamError `not-found`, `usage` */
  async cancel(id: string): Promise<JobEntry> {
    const job = await this.#job(id);
    const { state } = job.entry;
    if (state === "running") {
      this.#publish({ ...job, entry: { ...job.entry, stopping: true } });
      this.#current?.stop.abort();
    } else if (state === "queued") await this.#end(job, "cancelled");
    else throw wrongState(job, "is not running and cannot be cancelled");
    return (await this.#job(id)).entry;
  }

  /** Puts a job that did not end well back into the queue. @throws EpSamError `not-found`, `usage` */
  async resume(id: string): Promise<JobEntry> {
    const job = await this.#job(id);
    if (!job.entry.resumable) throw wrongState(job, "cannot be resumed");
    const entry: JobEntry = {
      ...job.entry,
      state: "queued",
      finishedAt: null,
      progress: null,
      problem: null,
      resumable: false,
    };
    // At the end of the list too, since that is the queue.
    this.#jobs.moveToEnd(id);
    await this.#put({ ...job, entry });
    const queued = await this.#job(id);
    this.#startNext();
    return queued.entry;
  }

  /** Forgets a job that is over, and its log; what it made stays. @throws EpSamError `not-found`, `usage` */
  async remove(id: string): Promise<void> {
    const job = await this.#job(id);
    if (isPending(job)) throw wrongState(job, "is not over and cannot be removed", "Cancel it first.");
    this.#jobs.forget(job);
    await this.#jobs.save();
    for (const table of [resolutionTable, squaresTable]) {
      await rm(table(this.#context.stateDirectory, id), { force: true });
    }
    this.#context.events.publish({ event: "removed-jobs", data: { id } });
  }

  /** Interrupts what runs, waits until it is on the disk and gives the state directory free. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#current?.stop.abort(SERVER_ENDING);
    await this.#opened?.catch(() => undefined);
    await this.#working;
    for (const job of this.#jobs.all) {
      if (job.entry.state === "queued") await this.#end(job, "interrupted");
    }
    await this.#jobs.saved();
    await this.#unlock?.();
    this.#unlock = undefined;
  }

  async #open(): Promise<void> {
    const folder = jobsFolder(this.#context.stateDirectory);
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw storageError(folder, cause);
    });
    this.#unlock = await lockDirectory(folder, {
      name: "jobs.lock",
      tag: "busy",
      activity: "running the jobs of",
      why: "two servers would start them twice",
    });
    try {
      await this.#takeUp();
    } catch (failure) {
      await this.#unlock();
      throw failure;
    }
  }

  async #takeUp(): Promise<void> {
    await this.#jobs.read();
    for (const products of this.#jobs.made) await addProducts(products, this.#context.workspace);
    for (const job of this.#jobs.all) {
      if (isPending(job)) await this.#end(job, "interrupted", job.processId);
      else if (job.entry.state === "done") await addProducts(job.plan, this.#context.workspace);
    }
  }

  #startNext(): void {
    if (this.#isClosing || this.#current !== undefined) return;
    const next = this.#jobs.all.find(({ entry }) => entry.state === "queued");
    if (next === undefined) return;
    const stop = new AbortController();
    this.#current = { id: next.entry.id, stop };
    this.#working = this.#run(next, stop.signal).catch((failure: unknown) => {
      this.#context.reporter.warn(`${next.entry.title}: ${messageOf(failure)}`);
    });
    void this.#working.then(() => {
      this.#current = undefined;
      this.#startNext();
    });
  }

  async #run(job: StoredJob, signal: AbortSignal): Promise<void> {
    const { id } = job.entry;
    const startedAt = new Date().toISOString();
    await this.#update(id, ({ entry }) => ({ entry: { ...entry, state: "running", startedAt } }));
    // A job of an earlier server may need a moment to notice that the server is gone.
    if (job.processId !== null) await waitForEnd(job.processId, signal);
    const work = await expectedWork(this.#context, job.entry);
    const log = new JobLog(job.entry.log, work, (changes) => this.#show(id, changes));
    const end = await runPlan(job.plan, {
      command: this.#options.command ?? ownCommandLine(),
      graceMilliseconds: this.#options.graceMilliseconds,
      queue: this.#context.queue,
      reporter: log,
      signal,
      onStart: (processId) => {
        this.#update(id, () => ({ processId })).catch((failure: unknown) => log.warn(messageOf(failure)));
      },
    });
    const last = await this.#job(id);
    if (end.type === "failed") await this.#end(last, "failed", null, end.error);
    else if (end.type === "stopped") await this.#end(last, this.#isClosing ? "interrupted" : "cancelled");
    else {
      const result = await addProducts(last.plan, this.#context.workspace);
      this.#context.events.publish({ event: "workspace", data: {} });
      await this.#end({ ...last, entry: { ...last.entry, result } }, "done");
    }
  }

  /** Shows progress and notes; they are saved with the next change of state. */
  #show(id: string, changes: Pick<JobEntry, "log" | "progress">): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#publish({ ...job, entry: { ...job.entry, ...changes } });
  }

  async #end(
    job: StoredJob,
    state: JobState,
    processId: number | null = null,
    error?: EpSamError,
  ): Promise<void> {
    const entry: JobEntry = {
      ...job.entry,
      state,
      stopping: false,
      finishedAt: new Date().toISOString(),
      problem: error === undefined ? null : problemOf(error),
      resumable: state !== "done",
    };
    await this.#put({ ...job, entry, processId });
  }

  async #update(id: string, change: (job: StoredJob) => Partial<StoredJob>): Promise<void> {
    const job = this.#jobs.get(id);
    if (job !== undefined) await this.#put({ ...job, ...change(job) });
  }

  async #job(id: string): Promise<StoredJob> {
    await this.open();
    const job = this.#jobs.get(id);
    if (job === undefined) throw notFound("there is no such job", id);
    return job;
  }

  #publish(job: StoredJob): void {
    const { id } = job.entry;
    const before = Math.max(job.entry.revision, this.#jobs.get(id)?.entry.revision ?? 0);
    // The time, because revisions between two savings are forgotten by a server that is killed.
    const entry = { ...job.entry, revision: Math.max(before + 1, Date.now()) };
    this.#jobs.set({ ...job, entry });
    this.#context.events.publish({ event: "jobs", data: entry });
  }

  async #put(job: StoredJob): Promise<void> {
    this.#publish(job);
    await this.#jobs.save();
  }
}
