import { RecentlyUsed, untilAborted } from "../common/index.js";

interface Computation<Value> {
  readonly value: Promise<Value>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * Results that take long to compute, those used last kept up to a number of bytes. Several who ask for the same wait
 * for one computation, which is aborted when all of them have gone; failures are not kept.
 */
export class SharedWork<Value extends object | string | number> {
  readonly #kept: RecentlyUsed<string, Value>;
  readonly #running = new Map<string, Computation<Value>>();

  /** @param limit bytes kept, by what `sizeOf` says of each value */
  constructor(limit: number, sizeOf: (value: Value) => number) {
    this.#kept = new RecentlyUsed({ limit, sizeOf });
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#kept.size;
  }

  /** @throws what `compute` throws; the signal's reason when aborted meanwhile */
  async get(
    key: string,
    signal: AbortSignal,
    compute: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal.throwIfAborted();
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const computation = this.#running.get(key) ?? this.#begin(key, compute);
    computation.waiting += 1;
    try {
      return await untilAborted(computation.value, signal);
    } finally {
      computation.waiting -= 1;
      if (computation.waiting === 0 && this.#running.get(key) === computation) {
        this.#running.delete(key);
        computation.controller.abort(signal.reason);
      }
    }
  }

  #begin(key: string, compute: (signal: AbortSignal) => Promise<Value>): Computation<Value> {
    const controller = new AbortController();
    const computation = { value: compute(controller.signal), controller, waiting: 0 };
    this.#running.set(key, computation);
    const end = (): boolean => this.#running.get(key) === computation && this.#running.delete(key);
    computation.value.then((value) => {
      if (end()) this.#kept.set(key, value);
    }, end);
    return computation;
  }
}
