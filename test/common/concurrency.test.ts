import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { mapAhead, mapConcurrently, pipelineStage, untilAborted } from "../../src/common/index.js";

/** Counts what is under way; later items take less time. */
function counted() {
  const seen = { now: 0, most: 0, begun: 0, ended: 0 };
  const work = async (item: number): Promise<number> => {
    seen.begun += 1;
    seen.most = Math.max(seen.most, ++seen.now);
    await setTimeout(20 - item);
    seen.now -= 1;
    seen.ended += 1;
    if (item === 4) throw new Error("item 4");
    return item * 10;
  };
  return { seen, work };
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("ordered work", () => {
  it("gives results in the items' order, so many at a time", async () => {
    const items = [1, 2, 3, 5, 6, 7];
    const expected = items.map((item) => item * 10);
    const one = counted();
    expect(await mapConcurrently(items, 3, one.work)).toEqual(expected);
    expect(one.seen.most).toBe(3);
    const two = counted();
    expect(await collect(mapAhead(items, 3, two.work))).toEqual(expected);
    expect(two.seen.most).toBe(3);
    const [ahead, after] = [counted(), counted()];
    const staged = pipelineStage(mapAhead(items, 2, ahead.work), 2, (item) => after.work(item / 10));
    expect(await collect(staged)).toEqual(expected);
    expect(after.seen.most).toBe(1);
  });

  it("begins nothing after a failure, and throws it when the rest has ended", async () => {
    const items = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    for (const run of [
      (work: (item: number) => Promise<number>) => mapConcurrently(items, 2, work),
      (work: (item: number) => Promise<number>) => collect(mapAhead(items, 2, work)),
    ]) {
      const { seen, work } = counted();
      await expect(run(work)).rejects.toThrowError("item 4");
      expect(seen.ended).toBe(seen.begun);
      expect(seen.begun).toBeLessThan(items.length);
    }
  });

  it("ends what is under way when the consumer stops", async () => {
    const { seen, work } = counted();
    for await (const first of mapAhead([1, 2, 3, 5, 6], 2, work)) {
      expect(first).toBe(10);
      break;
    }
    expect(seen).toMatchObject({ begun: 2, ended: 2 });
  });
});

describe("waiting", () => {
  it("ends with the signal", async () => {
    const leaving = new AbortController();
    const waiting = untilAborted(new Promise<number>(() => undefined), leaving.signal);
    leaving.abort(new Error("gone"));
    await expect(waiting).rejects.toThrowError("gone");
    expect(await untilAborted(Promise.resolve(1), new AbortController().signal)).toBe(1);
  });
});
