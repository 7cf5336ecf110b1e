import { EpSamError } from "./errors.js";

interface Waiting {
  readonly start: () => void;
}

export interface WorkQueueLimits {
  /** Tasks at a time. */
  readonly running: number;
  /** Tasks that may wait; more are refused. Any number unless told. */
  readonly waiting?: number;
}

/** Runs a bounded number of tasks at a time, in the order they came; those that nobody wants any longer leave the queue. */
export class WorkQueue {
  readonly #limits: WorkQueueLimits;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  constructor(limits: WorkQueueLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `task` when its turn comes.
   * @throws EpSamError `busy` when too many wait already; the signal's reason when aborted before its turn; what the
   *   task throws
   */
  async run<Result>(signal: AbortSignal | undefined, task: () => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    if (this.#running < this.#limits.running) this.#running += 1;
    else await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#release();
    }
  }

  /** Waits for a place, which whoever ends hands on. */
  #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#waiting.size >= (this.#limits.waiting ?? Number.POSITIVE_INFINITY)) {
      throw new EpSamError("busy", {
        what: "the server is busy",
        why: `${this.#running} readings are under way and ${this.#waiting.size} wait`,
        action: "Ask again in a moment.",
      });
    }
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(entry);
        reject(signal?.reason);
      };
      const entry: Waiting = {
        start: () => {
          signal?.removeEventListener("abort", leave);
          resolve();
        },
      };
      this.#waiting.add(entry);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running -= 1;
      return;
    }
    this.#waiting.delete(next);
    next.start();
  }
}
