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
 * Results of `work` in the items' order, with up to `depth` items under way at a time. When the consumer stops or
 * an item fails, no further one is begun, and those under way are awaited.
 */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  depth: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const waiting: Promise<Ended<R>>[] = [];
  const queue = items[Symbol.iterator]();
  const begin = (): void => {
    const next = queue.next();
    if (next.done !== true) waiting.push(ended(work(next.value)));
  };
  try {
    for (let count = 0; count < depth; count++) begin();
    for (let first = waiting.shift(); first !== undefined; first = waiting.shift()) {
      const value = resultOf(await first);
      begin();
      yield value;
    }
  } finally {
    await Promise.all(waiting);
  }
}

/**
 * One stage of a pipeline: `work` on each item in turn, up to `depth` items ahead of the consumer. Stages that
 * follow one another work on different items at the same time.
 */
export async function* stage<T, R>(
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
