import { describe, expect, it } from "vitest";
import { RecentlyUsed } from "../../src/common/index.js";

/** A load that ends when it is told to. */
class PendingLoad {
  calls = 0;
  resolve: (value: string) => void = () => undefined;
  reject: (failure: Error) => void = () => undefined;
  readonly #result = new Promise<string>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
  readonly load = (): Promise<string> => {
    this.calls += 1;
    return this.#result;
  };
}

describe("what was used last", () => {
  it("is kept within its bytes", () => {
    const cache = new RecentlyUsed<string, string>({
      limit: 10,
      sizeOf: ({ length }) => length,
      keepsLarge: true,
    });
    cache.set("a", "AAAA");
    cache.set("b", "BBBB");
    expect(cache.get("a")).toBe("AAAA");
    cache.set("c", "CCCC");
    expect([cache.get("a"), cache.get("b"), cache.get("c"), cache.size]).toEqual([
      "AAAA",
      undefined,
      "CCCC",
      8,
    ]);
    const large = "L".repeat(99);
    cache.set("large", large);
    expect([cache.get("c"), cache.get("large"), cache.size]).toEqual([undefined, large, 99]);
    cache.set("large", "L");
    expect([cache.get("large"), cache.size]).toEqual(["L", 1]);
  });

  it("is kept by number without sizes, and what leaves is told once", () => {
    const left: string[] = [];
    const cache = new RecentlyUsed<number, string>({
      limit: 2,
      onLeave: (value, key) => left.push(`${key} ${value}`),
    });
    for (const key of [1, 2, 3]) cache.set(key, "v");
    cache.set(3, "new");
    expect(left).toEqual(["1 v", "3 v"]);
    cache.delete(2);
    cache.delete(2);
    cache.clear();
    expect(left).toEqual(["1 v", "3 v", "2 v", "3 new"]);
    expect(cache.size).toBe(0);
  });

  it("leaves out what alone exceeds the limit, and the rest stays", () => {
    const cache = new RecentlyUsed<string, string>({ limit: 3, sizeOf: ({ length }) => length });
    cache.set("a", "aa");
    cache.set("b", "bbbb");
    expect([cache.get("a"), cache.get("b"), cache.size]).toEqual(["aa", undefined, 2]);
  });
});

describe("loading", () => {
  it("happens once for all who ask meanwhile, and not again for what is kept", async () => {
    const cache = new RecentlyUsed<string, string>({ limit: 2 });
    const pending = new PendingLoad();
    const asked = [cache.load("a", pending.load), cache.load("a", pending.load)];
    pending.resolve("A");
    expect(await Promise.all(asked)).toEqual(["A", "A"]);
    expect(await cache.load("a", pending.load)).toBe("A");
    expect(pending.calls).toBe(1);
  });

  it("fails for all who wait, and is tried again by the next", async () => {
    const cache = new RecentlyUsed<string, string>({ limit: 2 });
    const pending = new PendingLoad();
    const asked = [cache.load("a", pending.load), cache.load("a", pending.load)];
    pending.reject(new Error("broken"));
    for (const one of asked) await expect(one).rejects.toThrowError("broken");
    expect(await cache.load("a", async () => "again")).toBe("again");
  });

  it("keeps nothing that was deleted or put in before it came", async () => {
    const cache = new RecentlyUsed<string, string>({ limit: 2 });
    const pending = new PendingLoad();
    const asked = [cache.load("a", pending.load), cache.load("b", pending.load)];
    cache.deleteWhere((key) => key === "a");
    cache.set("b", "newer");
    pending.resolve("late");
    expect(await Promise.all(asked)).toEqual(["late", "late"]);
    expect([cache.get("a"), cache.get("b")]).toEqual([undefined, "newer"]);
  });
});
