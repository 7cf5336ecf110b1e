import { describe, expect, it } from "vitest";
import { WorkQueue } from "../../src/common/index.js";
import { SharedWork } from "../../src/server/shared-work.js";

const never = new AbortController().signal;

/** A task that ends when told. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("WorkQueue", () => {
  it("runs so many at a time, in the order they came, and refuses the rest as busy", async () => {
    const queue = new WorkQueue({ running: 2, waiting: 2 });
    const gates = [gate(), gate(), gate(), gate()];
    const order: number[] = [];
    const runs = gates.map((held, index) =>
      queue.run(never, async () => {
        order.push(index);
        await held.opened;
      }),
    );
    await expect(queue.run(never, async () => undefined)).rejects.toMatchObject({ tag: "busy" });
    expect(order).toEqual([0, 1]);
    expect([queue.running, queue.waiting]).toEqual([2, 2]);
    for (const held of gates) held.open();
    await Promise.all(runs);
    expect(order).toEqual([0, 1, 2, 3]);
    expect([queue.running, queue.waiting]).toEqual([0, 0]);
  });

  it("forgets those who have gone while they waited", async () => {
    const queue = new WorkQueue({ running: 1, waiting: 1 });
    const held = gate();
    const first = queue.run(never, () => held.opened);
    const client = new AbortController();
    const second = queue.run(client.signal, () => Promise.reject(new Error("it ran")));
    client.abort(new Error("gone"));
    await expect(second).rejects.toThrowError("gone");
    expect(queue.waiting).toBe(0);
    const third = queue.run(never, async () => "ran");
    held.open();
    await first;
    expect(await third).toBe("ran");
  });

  it("goes on after a task that failed", async () => {
    const queue = new WorkQueue({ running: 1, waiting: 1 });
    await expect(queue.run(never, () => Promise.reject(new Error("broken")))).rejects.toThrowError("broken");
    expect(await queue.run(never, async () => 7)).toBe(7);
  });
});

describe("SharedWork", () => {
  it("computes once for all who ask, and keeps the result", async () => {
    const work = new SharedWork<number>(100, () => 10);
    let computed = 0;
    const compute = async (): Promise<number> => ++computed;
    expect(await Promise.all([work.get("a", never, compute), work.get("a", never, compute)])).toEqual([1, 1]);
    expect(await work.get("a", never, compute)).toBe(1);
    expect(work.bytes).toBe(10);
  });

  it("aborts a computation when the last who waits for it has gone, not before", async () => {
    const work = new SharedWork<number>(100, () => 10);
    let aborted = false;
    const compute = (signal: AbortSignal): Promise<number> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    const clients = [new AbortController(), new AbortController()];
    const waits = clients.map((client) => work.get("a", client.signal, compute));
    clients[0]?.abort(new Error("first gone"));
    await expect(waits[0]).rejects.toThrowError("first gone");
    expect(aborted).toBe(false);
    clients[1]?.abort(new Error("second gone"));
    await expect(waits[1]).rejects.toThrowError("second gone");
    expect(aborted).toBe(true);
    expect(await work.get("a", never, async () => 3)).toBe(3);
  });

  it("keeps no failures, and no more bytes than it may", async () => {
    const work = new SharedWork<string>(5, ({ length }) => length);
    await expect(work.get("a", never, () => Promise.reject(new Error("broken")))).rejects.toThrowError(
      "broken",
    );
    expect(await work.get("a", never, async () => "abc")).toBe("abc");
    await work.get("b", never, async () => "defg");
    expect(work.bytes).toBe(4);
    expect(await work.get("a", never, async () => "again")).toBe("again");
  });
});
