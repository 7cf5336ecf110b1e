import type { z } from "zod";
import { AnsweringChild, ChildLost, EpSamError } from "../common/index.js";

/** Work that nobody waits for any longer may take this long to finish before its process is ended. */
const GRACE_MILLISECONDS = 2000;
/** An unused process is ended after this time: the models take half a gigabyte. */
const IDLE_MILLISECONDS = 10 * 60_000;

type ResultSchemas<Results> = { readonly [Kind in keyof Results]: z.ZodType<Results[Kind]> };

interface Job<Work> {
  readonly rank: number;
  readonly signal: AbortSignal | undefined;
  readonly perform: (child: AnsweringChild<Work>) => Promise<void>;
  readonly fail: (cause: unknown) => void;
}

export interface ModelProcessOptions<Work> {
  readonly graceMilliseconds?: number | undefined;
  /** Waiting work of a lower rank goes first; all is of one rank unless told. */
  readonly rankOf?: ((work: Work) => number) | undefined;
}

/**
 * The process that runs the models: ONNX Runtime blocks the thread that calls it, so that a server which ran them
 * itself would answer nothing meanwhile. One piece of work runs at a time, in the order of ranks and then in that asked
 * for. The process starts with the first and is started again when it ends; it ends with the server.
 */
export class ModelProcess<
  Work extends { readonly kind: keyof Results },
  Results extends Readonly<Record<Work["kind"], unknown>>,
> {
  readonly #module: string;
  readonly #purpose: string;
  readonly #schemas: ResultSchemas<Results>;
  readonly #grace: number;
  readonly #rankOf: (work: Work) => number;
  readonly #queue: Job<Work>[] = [];
  #child: AnsweringChild<Work> | undefined;
  #current: Job<Work> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  /**
   * @param module file of a module that answers, see `moduleBeside`
   * @param purpose what the process does, for messages: `segments`
   * @param schemas of what each kind of work gives
   */
  constructor(
    module: string,
    purpose: string,
    schemas: ResultSchemas<Results>,
    options: ModelProcessOptions<Work> = {},
  ) {
    this.#module = module;
    this.#purpose = purpose;
    this.#schemas = schemas;
    this.#grace = options.graceMilliseconds ?? GRACE_MILLISECONDS;
    this.#rankOf = options.rankOf ?? (() => 0);
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
  async run<Kind extends Work["kind"]>(
    work: Extract<Work, { readonly kind: Kind }>,
    signal?: AbortSignal,
  ): Promise<Results[Kind]> {
    signal?.throwIfAborted();
    const kind: Kind = work.kind;
    return new Promise((settle, fail) => {
      const perform = async (child: AnsweringChild<Work>): Promise<void> =>
        settle(await child.ask(work, this.#schemas[kind]));
      const job = { rank: this.#rankOf(work), signal, perform, fail };
      const before = this.#queue.findIndex(({ rank }) => rank > job.rank);
      this.#queue.splice(before < 0 ? this.#queue.length : before, 0, job);
      const onAbort = () => this.#abandon(job);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#startNext();
    });
  }

  /** Ends the process; work that waits fails. */
  close(): void {
    clearTimeout(this.#idleTimer);
    for (const job of this.#queue.splice(0)) job.fail(this.#ended("the server is closing"));
    this.#child?.end("the server is closing");
  }

  #startNext(): void {
    if (this.#current !== undefined) return;
    const job = this.#queue.shift();
    if (job === undefined) {
      this.#idleTimer = setTimeout(() => this.#child?.end("it was not used"), IDLE_MILLISECONDS);
      this.#idleTimer.unref();
      return;
    }
    clearTimeout(this.#idleTimer);
    this.#current = job;
    this.#child ??= this.#start();
    void this.#finish(job, this.#child);
  }

  #abandon(job: Job<Work>): void {
    job.fail(job.signal?.reason);
    const waiting = this.#queue.indexOf(job);
    if (waiting >= 0) this.#queue.splice(waiting, 1);
    if (this.#current !== job) return;
    const timer = setTimeout(() => {
      if (this.#current === job) this.#child?.end("nobody waits for it");
    }, this.#grace);
    timer.unref();
  }

  #start(): AnsweringChild<Work> {
    const child = new AnsweringChild<Work>({
      module: this.#module,
      onLost: () => {
        if (this.#child === child) this.#child = undefined;
      },
    });
    return child;
  }

  /** When the process ends, its work fails, and what waits goes to a new one. */
  async #finish(job: Job<Work>, child: AnsweringChild<Work>): Promise<void> {
    try {
      await job.perform(child);
    } catch (cause) {
      job.fail(cause instanceof ChildLost ? this.#ended(cause.message) : cause);
    }
    this.#current = undefined;
    this.#startNext();
  }

  #ended(why: string): EpSamError {
    return new EpSamError("device", {
      what: `the process that ${this.#purpose} ended before it answered`,
      why,
      action: "Try again; if it keeps ending, see whether the machine has enough memory with `epsam doctor`.",
    });
  }
}
