import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { EpSamError } from "../../common/index.js";
import type { SegmentationWork, WorkAnswer, WorkMessage, WorkResults } from "./work.js";

/** Work that nobody waits for any longer may take this long to finish before its process is ended. */
const GRACE_MILLISECONDS = 2000;
/** An unused process is ended after this time: the models take half a gigabyte. */
const IDLE_MILLISECONDS = 10 * 60_000;

interface Job {
  readonly message: WorkMessage;
  readonly signal: AbortSignal | undefined;
  readonly settle: (answer: WorkAnswer) => void;
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
  #child: ChildProcess | undefined;
  #current: Job | undefined;
  #nextId = 1;
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
  async run(work: SegmentationWork, signal?: AbortSignal): Promise<WorkResults[keyof WorkResults]> {
    signal?.throwIfAborted();
    const answer = await new Promise<WorkAnswer>((settle, fail) => {
      const job = { message: { id: this.#nextId++, work }, signal, settle, fail };
      this.#queue.push(job);
      const onAbort = () => this.#abandon(job);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#startNext();
    });
    if ("error" in answer) throw new EpSamError(answer.error.tag, answer.error.fields);
    return answer.result;
  }

  /** Ends the process; work that waits fails. */
  close(): void {
    clearTimeout(this.#idleTimer);
    for (const job of this.#queue.splice(0)) job.fail(ended("the server is closing"));
    this.#end("the server is closing");
  }

  #startNext(): void {
    if (this.#current !== undefined) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#idleTimer = setTimeout(() => this.#end("it was not used"), this.#idle);
      this.#idleTimer.unref();
      return;
    }
    clearTimeout(this.#idleTimer);
    this.#current = job;
    this.#child ??= this.#start();
    this.#child.send(job.message);
  }

  #abandon(job: Job): void {
    job.fail(job.signal?.reason);
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    if (this.#current !== job) return;
    const timer = setTimeout(() => {
      if (this.#current === job) this.#end("nobody waits for it");
    }, this.#grace);
    timer.unref();
  }

  #start(): ChildProcess {
    const extension = extname(fileURLToPath(import.meta.url));
    const file = fileURLToPath(new URL(`./segmentation-main${extension}`, import.meta.url));
    // Sources run through tsx, as in tests; the built package needs no loader.
    const execArgv = extension === ".ts" ? ["--import", "tsx"] : [];
    const child = fork(file, [], { execArgv, serialization: "advanced" });
    child.on("message", (answer: WorkAnswer) => this.#finish(answer));
    // One that was ended on purpose has left the field already.
    const onEnd = (why: string) => (this.#child === child ? this.#end(why) : undefined);
    child.on("error", ({ message }) => onEnd(message));
    child.on("exit", (code, killer) => onEnd(killer ?? `exit code ${code}`));
    // The server may end while an unused process lives: losing the channel ends that too.
    child.unref();
    child.channel?.unref();
    return child;
  }

  #finish(answer: WorkAnswer): void {
    const job = this.#current;
    if (job === undefined || job.message.id !== answer.id) return;
    this.#current = undefined;
    job.settle(answer);
    this.#startNext();
  }

  /** Ends the process, if it still lives; its work fails, and what waits goes to a new one. */
  #end(why: string): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    const job = this.#current;
    this.#current = undefined;
    job?.fail(ended(why));
    if (this.#queue.length > 0) this.#startNext();
  }
}

function ended(why: string): EpSamError {
  return new EpSamError("device", {
    what: "the process that segments ended before it answered",
    why,
    action: "Try again; if it keeps ending, see whether the machine has enough memory with `epsam doctor`.",
  });
}
