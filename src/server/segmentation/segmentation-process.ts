import { AnsweringChild, ChildLost, EpSamError, moduleBeside } from "../../common/index.js";
import { resultSchemas, type SegmentationWork, type WorkResults } from "./work.js";

/** Work that nobody waits for any longer may take this long to finish before its process is ended. */
const GRACE_MILLISECONDS = 2000;
/** An unused process is ended after this time: the models take half a gigabyte. */
const IDLE_MILLISECONDS = 10 * 60_000;

type WorkResult = WorkResults[keyof WorkResults];

interface Job {
  readonly work: SegmentationWork;
  readonly signal: AbortSignal | undefined;
  readonly settle: (result: WorkResult) => void;
  readonly fail: (cause: unknown) => void;
}

export interface SegmentationProcessOptions {
  readonly graceMilliseconds?: number | undefined;
  readonly idleMilliseconds?: number | undefined;
}

/**
 * The process that runs the models: ONNX Runtime blocks the thread that calls it, so that a server which ran them
 * itself would answer nothing meanwhile. One piece of work runs at a time, in the order asked for. The process
 * starts with the first and is started again when it ends; it ends with the server.
 */
export class SegmentationProcess {
  readonly #grace: number;
  readonly #idle: number;
  readonly #queue: Job[] = [];
  #child: AnsweringChild<SegmentationWork> | undefined;
  #current: Job | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: SegmentationProcessOptions = {}) {
    this.#grace = options.graceMilliseconds ?? GRACE_MILLISECONDS;
    this.#idle = options.idleMilliseconds ?? IDLE_MILLISECONDS;
  }

  /** Process id while one is running. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Does one piece of work. Aborted while it waits, it never starts; aborted while it runs, it has two seconds to
   * finish before the process is ended.
   * @throws EpSamError as the models do, `device` when the process dies; the signal's reason when aborted
   */
  async run<Kind extends keyof WorkResults>(
    work: Extract<SegmentationWork, { kind: Kind }>,
    signal?: AbortSignal,
  ): Promise<WorkResults[Kind]>;
  async run(work: SegmentationWork, signal?: AbortSignal): Promise<WorkResult> {
    signal?.throwIfAborted();
    return new Promise<WorkResult>((settle, fail) => {
      const job = { work, signal, settle, fail };
      this.#queue.push(job);
      const onAbort = () => this.#abandon(job);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#startNext();
    });
  }

  /** Ends the process; work that waits fails. */
  close(): void {
    clearTimeout(this.#idleTimer);
    for (const job of this.#queue.splice(0)) job.fail(ended("the server is closing"));
    this.#child?.end("the server is closing");
  }

  #startNext(): void {
    if (this.#current !== undefined) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#idleTimer = setTimeout(() => this.#child?.end("it was not used"), this.#idle);
      this.#idleTimer.unref();
      return;
    }
    clearTimeout(this.#idleTimer);
    this.#current = job;
    this.#child ??= this.#start();
    void this.#finish(job, this.#child);
  }

  #abandon(job: Job): void {
    job.fail(job.signal?.reason);
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    if (this.#current !== job) return;
    const timer = setTimeout(() => {
      if (this.#current === job) this.#child?.end("nobody waits for it");
    }, this.#grace);
    timer.unref();
  }

  #start(): AnsweringChild<SegmentationWork> {
    const child = new AnsweringChild<SegmentationWork>({
      module: moduleBeside(import.meta.url, "./segmentation-main"),
      onLost: () => {
        if (this.#child === child) this.#child = undefined;
      },
    });
    return child;
  }

  /** When the process ends, its work fails, and what waits goes to a new one. */
  async #finish(job: Job, child: AnsweringChild<SegmentationWork>): Promise<void> {
    try {
      job.settle(await child.ask<WorkResult>(job.work, resultSchemas[job.work.kind]));
    } catch (cause) {
      job.fail(cause instanceof ChildLost ? ended(cause.message) : cause);
    }
    this.#current = undefined;
    this.#startNext();
  }
}

function ended(why: string): EpSamError {
  return new EpSamError("device", {
    what: "the process that segments ended before it answered",
    why,
    action: "Try again; if it keeps ending, see whether the machine has enough memory with `epsam doctor`.",
  });
}
