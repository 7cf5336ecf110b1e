export interface RecentlyUsedOptions<Key, Value> {
  /** How many values are kept; with `sizeOf`, the most that their sizes may add up to. */
  readonly limit: number;
  /** Of one value, 1 unless told. Asked once, when the value is put in. */
  readonly sizeOf?: ((value: Value) => number) | undefined;
  /** Told of each value that leaves or is replaced, to close or release it. */
  readonly onLeave?: ((value: Value, key: Key) => void) | undefined;
  /** Keeps a value larger than the limit as the only one, instead of not at all. */
  readonly keepsLarge?: boolean | undefined;
}

/** Values by key within a limit; the least recently used leave first. */
export class RecentlyUsed<Key, Value extends object | string | number | null> {
  readonly #options: RecentlyUsedOptions<Key, Value>;
  /** In order of use: a map keeps the order of insertion. */
  readonly #entries = new Map<Key, { readonly value: Value; readonly size: number }>();
  readonly #loading = new Map<Key, Promise<Value>>();
  #size = 0;

  constructor(options: RecentlyUsedOptions<Key, Value>) {
    this.#options = options;
  }

  /** Sum of the sizes of what is kept; how many there are without `sizeOf`. */
  get size(): number {
    return this.#size;
  }

  /** The value of `key`, which is then the one used last; undefined when it is not kept. */
  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /**
   * The value of `key`, from `load` when it is not kept. Who asks meanwhile waits for the same; a failure is not kept,
   * nor what was deleted before it came.
   * @throws what `load` throws
   */
  load(key: Key, load: () => Promise<Value>): Promise<Value> {
    const kept = this.get(key);
    return kept === undefined ? (this.#loading.get(key) ?? this.#begin(key, load)) : Promise.resolve(kept);
  }

  set(key: Key, value: Value): void {
    this.delete(key);
    const { limit, sizeOf = () => 1, keepsLarge = false } = this.#options;
    const size = sizeOf(value);
    if (size > limit && !keepsLarge) return;
    this.#entries.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= limit || oldest === key) return;
      this.#remove(oldest);
    }
  }

  delete(key: Key): void {
    this.#loading.delete(key);
    this.#remove(key);
  }

  deleteWhere(isWanted: (key: Key) => boolean): void {
    for (const key of [...this.#loading.keys(), ...this.#entries.keys()]) if (isWanted(key)) this.delete(key);
  }

  clear(): void {
    this.deleteWhere(() => true);
  }

  #begin(key: Key, load: () => Promise<Value>): Promise<Value> {
    const loading = load().then(
      (value) => {
        if (this.#loading.get(key) === loading) this.set(key, value);
        return value;
      },
      (failure: unknown) => {
        if (this.#loading.get(key) === loading) this.#loading.delete(key);
        throw failure;
      },
    );
    this.#loading.set(key, loading);
    return loading;
  }

  #remove(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#size -= entry.size;
    this.#options.onLeave?.(entry.value, key);
  }
}
