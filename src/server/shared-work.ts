interface Entry<Value> {
  readonly value: Promise<Value>;
  readonly controller: AbortController;
  waiting: number;
  bytes: number;
  settled: boolean;
}

/**
 * Results that take long to compute, kept up to a number of bytes. Several who ask for the same wait for one
 * computation, which is aborted when all of them have gone; failures are not kept.
 */
export class SharedWork<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #limit: number;
  readonly #sizeOf: (value: Value) => number;
  #bytes = 0;

  /** @param limit bytes kept, by what `sizeOf` says of each value */
  constructor(limit: number, sizeOf: (value: Value) => number) {
    this.#limit = limit;
    this.#sizeOf = sizeOf;
  }

  /** Bytes kept now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws what `compute` throws; the signal's reason when aborted meanwhile */
  async get(
    key: string,
    signal: AbortSignal,
    compute: (signal: AbortSignal) => Promise<Value>,
  ): Promise<Value> {
    signal.throwIfAborted();
    const held = this.#entries.get(key);
    const entry = held ?? this.#begin(key, compute);
    if (held !== undefined) this.#touch(key, held);
    if (entry.settled) return entry.value;
    entry.waiting += 1;
    try {
      return await withSignal(entry.value, signal);
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0 && !entry.settled) {
        this.#entries.delete(key);
        entry.controller.abort(signal.reason);
      }
    }
  }

  #begin(key: string, compute: (signal: AbortSignal) => Promise<Value>): Entry<Value> {
    const controller = new AbortController();
    const value = compute(controller.signal);
    const entry: Entry<Value> = { value, controller, waiting: 0, bytes: 0, settled: false };
    this.#entries.set(key, entry);
    value.then(
      (result) => this.#keep(key, entry, result),
      () => this.#forget(key, entry),
    );
    return entry;
  }

  #keep(key: string, entry: Entry<Value>, value: Value): void {
    entry.settled = true;
    if (this.#entries.get(key) !== entry) return;
    entry.bytes = this.#sizeOf(value);
    this.#bytes += entry.bytes;
    for (const [oldest, { settled, bytes }] of this.#entries) {
      if (this.#bytes <= this.#limit) return;
      if (!settled) continue;
      this.#entries.delete(oldest);
      this.#bytes -= bytes;
    }
  }

  #forget(key: string, entry: Entry<Value>): void {
    entry.settled = true;
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  #touch(key: string, entry: Entry<Value>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }
}

/** A promise that is given up when the signal aborts; whatever becomes of it is somebody else's business then. */
function withSignal<Value>(value: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    value.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
