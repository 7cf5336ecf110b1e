import { describe, expect, it } from "vitest";
import { Disagreements, type PatchPlace } from "../../src/server/runs/disagreements.js";

const places = (count: number): PatchPlace[] =>
  Array.from({ length: count }, (_, at) => ({ id: `p${at}`, split: "train" }));

/** Comparisons that end when they are told to. */
class Gate {
  readonly begun: string[] = [];
  readonly #open: (() => void)[] = [];

  readonly compare = async ({ id }: PatchPlace): Promise<number> => {
    this.begun.push(id);
    await new Promise<void>((resolve) => this.#open.push(resolve));
    return Number(id.slice(1)) / 10;
  };

  async open(count: number): Promise<void> {
    for (let done = 0; done < count; done++) {
      this.#open.shift()?.();
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    }
  }
}

describe("disagreements of a large run", () => {
  it("are told as far as they are, and go on when nobody waits", async () => {
    const gate = new Gate();
    const all = new Disagreements(gate.compare, new AbortController().signal);
    expect(await all.all(places(5), 1)).toEqual({ done: 0, total: 5 });
    expect(gate.begun).toEqual(["p0", "p1"]);
    await gate.open(3);
    expect(await all.all(places(5), 1)).toEqual({ done: 3, total: 5 });
    expect([all.known({ id: "p2", split: "train" }), all.known({ id: "p4", split: "train" })]).toEqual([
      0.2,
      undefined,
    ]);
    await gate.open(2);
    expect(await all.all(places(5), 1)).toBeNull();
    // Each was read once, whoever asked.
    expect(gate.begun).toEqual(["p0", "p1", "p2", "p3", "p4"]);
    expect(await all.of({ id: "p3", split: "train" }, new AbortController().signal)).toBe(0.3);
    expect(gate.begun).toHaveLength(5);
  });

  it("are not waited for by what is looked at meanwhile", async () => {
    const gate = new Gate();
    const all = new Disagreements(gate.compare, new AbortController().signal);
    await all.all(places(1000), 1);
    const shown = all.of({ id: "p900", split: "train" }, new AbortController().signal);
    await gate.open(3);
    expect(await shown).toBe(90);
  });

  it("tell of a damaged mask, again when they are asked for again", async () => {
    const compare = async ({ id }: PatchPlace): Promise<number> => {
      if (id === "p1") throw new Error("damaged");
      return 0;
    };
    const all = new Disagreements(compare, new AbortController().signal);
    for (const _ of [1, 2]) await expect(all.all(places(3), 1000)).rejects.toThrow("damaged");
    expect(all.known({ id: "p2", split: "train" })).toBe(0);
  });

  it("end with the server", async () => {
    const gate = new Gate();
    const server = new AbortController();
    const all = new Disagreements(gate.compare, server.signal);
    await all.all(places(100), 1);
    server.abort();
    await gate.open(4);
    expect(gate.begun).toEqual(["p0", "p1"]);
  });
});
