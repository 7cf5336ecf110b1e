/**
 * Applies `work` to every item, at most `limit` at a time; results keep the items' order.
 * The first failure stops new work and is thrown when the running ones have ended.
 */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Map<number, R>();
  const queue = items.entries();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        results.set(index, await work(item, index));
      } catch (failure) {
        failures.push(failure);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return [...results].sort(([a], [b]) => a - b).map(([, result]) => result);
}

/** How a promise ended, so that a failure waits until somebody asks for it. */
type Ended<T> = { readonly value: T } | { readonly failure: unknown };

function ended<T>(work: Promise<T>): Promise<Ended<T>> {
  return work.then(
    (value) => ({ value }),
    (failure: unknown) => ({ failure }),
  );
}

function resultOf<T>(outcome: Ended<T>): T {
  if ("failure" in outcome) throw outcome.failure;
  return outcome.value;
}

/**
 * Results of `work` in the items' order, with up to `depth` items under way at a time, the one waited for included.
 * When the consumer stops or an item fails, no further one is begun, and those under way are awaited.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const queue = items[Symbol.iterator]();
  const waiting: Promise<Ended<R>>[] = [];
  try {
    for (;;) {
      while (waiting.length < depth) {
        const { done, value } = queue.next();
        if (done === true) break;
        waiting.push(ended(work(value)));
      }
      const first = waiting.shift();
      if (first === undefined) return;
      yield resultOf(await first);
    }
  } finally {
    await Promise.all(waiting);
  }
}

/**
 * One stage of a pipeline: `work` on each item in turn, up to `depth` items ahead of the consumer. Stages that
 * follow one another work on different items at the same time.
 */
export async function* pipelineStage<T, R>(
  items: AsyncIterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const source = worked(items, work);
  const waiting: Promise<Ended<IteratorResult<R, void>>>[] = [];
  try {
    for (;;) {
      // A generator works through its outstanding calls by itself.
      while (waiting.length < depth) waiting.push(ended(source.next()));
      const next = await waiting.shift();
      if (next === undefined) return;
      const { done, value } = resultOf(next);
      if (done === true) return;
      yield value;
    }
  } finally {
    await Promise.all([...waiting, source.return()]);
  }
}

async function* worked<T, R>(
  items: AsyncIterable<T>,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  for await (const item of items) yield await work(item);
}

/**
 * The result of `work`, or the signal's reason as soon as it aborts; whatever becomes of the work is somebody else's
 * business then.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** Waits. @throws the signal's reason as soon as it aborts */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done, { once: true });
  });
  signal?.throwIfAborted();
}
