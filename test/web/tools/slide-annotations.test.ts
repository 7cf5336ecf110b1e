import { describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type AnnotationChange,
  type AnnotationObject,
  type AnnotationSave,
  type AnnotationState,
  type EditChange,
  judged,
} from "../../../src/contract/index.js";
import type { AnnotationApi, SaveAnswer } from "../../../src/web/tools/store/annotation-api.js";
import { SlideAnnotations } from "../../../src/web/tools/store/slide-annotations.js";

function object(id: string, name = id): AnnotationObject {
  const area = {
    type: "MultiPolygon",
    coordinates: [
      [
        [
          [0, 0],
          [4, 0],
          [4, 4],
          [0, 0],
        ],
      ],
    ],
  } as const;
  return { id, name, classification: "Tumor", review: "accepted", origin: "drawn", area };
}

const add = (...ids: readonly string[]): AnnotationChange[] =>
  ids.map((id) => ({ type: "add", object: object(id) }));

/** A server with one slide, as two tabs see it. */
class FakeServer {
  revision = 0;
  objects = new Map<string, AnnotationObject>();
  titles: string[] = [];
  /** What undo and redo go back and forth between, where a test is about them. */
  history: { readonly undo: string[]; readonly redo: string[] } | null = null;
  /** Requests wait for this. */
  gate: Promise<void> = Promise.resolve();
  isDown = false;
  /** Kind of the trouble while it is down. */
  tag = "network";
  loads = 0;
  /** Requests that were to change something. */
  asked = 0;

  state(): AnnotationState {
    return {
      revision: this.revision,
      objects: structuredClone([...this.objects.values()]),
      undo: (this.history?.undo ?? this.titles).at(-1) ?? null,
      redo: this.history?.redo.at(-1) ?? null,
    };
  }

  /** Judgements are kept as updates, as the server keeps them. */
  edit(title: string, changes: readonly EditChange[]): AnnotationSave {
    const whole = changes.flatMap((change): AnnotationChange[] => {
      if (change.type !== "judge") return [change];
      const before = this.objects.get(change.id);
      if (before === undefined) throw new Error(`${change.id} is not there`);
      return [{ type: "update", object: judged(before, change) }];
    });
    return this.save(title, whole);
  }

  save(title: string, changes: readonly AnnotationChange[]): AnnotationSave {
    for (const change of changes) {
      if (change.type === "remove") this.objects.delete(change.id);
      else this.objects.set(change.object.id, change.object);
    }
    this.revision += 1;
    this.titles.push(title);
    const added = changes.flatMap((change) => (change.type === "add" ? [{ ...change, below: null }] : []));
    const updated = changes.flatMap((change) => (change.type === "update" ? [change.object] : []));
    const removed = changes.flatMap((change) => (change.type === "remove" ? [change.id] : []));
    const { revision, undo, redo } = this.state();
    return structuredClone({ since: revision - 1, revision, added, updated, removed, undo, redo });
  }

  step(direction: "undo" | "redo"): AnnotationSave {
    const { undo, redo } = this.history ?? { undo: [...this.titles], redo: [] };
    const [from, to] = direction === "undo" ? [undo, redo] : [redo, undo];
    const title = from.pop();
    if (title === undefined) throw new Error(`nothing to ${direction}`);
    to.push(title);
    return this.save(direction === "undo" ? "Undo" : "Redo", []);
  }

  get api(): AnnotationApi {
    const answer = async (revision: number, save: () => AnnotationSave): Promise<SaveAnswer> => {
      this.asked += 1;
      await this.gate;
      if (this.isDown) throw new Error("down");
      if (revision === this.revision) return { saved: save() };
      const problem = { tag: "conflict", what: "saved meanwhile", where: null, why: null, action: null };
      return { conflict: { problem, current: this.state(), since: this.titles.slice(revision) } };
    };
    return {
      load: async () => {
        this.loads += 1;
        return this.state();
      },
      edit: ({ revision }, title, changes) => answer(revision, () => this.edit(title, changes)),
      step: (direction, { revision }) => answer(revision, () => this.step(direction)),
      importFrom: async ({ revision }) => {
        const result = await answer(revision, () => this.save("Import", add("imported")));
        return "conflict" in result ? result : { save: result.saved, added: 1, warnings: [] };
      },
      problemOf: (thrown) => ({
        tag: this.isDown ? this.tag : "usage",
        what: String(thrown),
        where: null,
        why: null,
        action: null,
      }),
    };
  }
}

async function opened(server: FakeServer): Promise<SlideAnnotations> {
  const store = new SlideAnnotations(server.api);
  await store.load();
  return store;
}

/** Nothing is under way: the fake server answers within a few turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

const idsOf = (store: SlideAnnotations) => [...store.objects.value.keys()];

describe("annotations in the page", () => {
  it("are seen at once and saved one after another", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    let open: () => void = () => expect.unreachable();
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    store.edit("Draw a", add("a"));
    store.edit("Draw b", add("b"));
    expect(idsOf(store)).toEqual(["a", "b"]);
    expect([store.saveState.value.state, server.revision, store.hasUnsaved]).toEqual(["saving", 0, true]);
    const before = store.objects.value.get("a");
    open();
    await settled();
    expect([store.saveState.value.state, server.revision, store.hasUnsaved]).toEqual(["saved", 2, false]);
    expect(store.undoStep.value).toEqual({ isPossible: true, title: "Draw b" });
    expect(store.objects.value.get("a")).toBe(before);
  });

  it("show a conflict and go on from what others saved, with one's own edits on top", async () => {
    const server = new FakeServer();
    const [one, other] = [await opened(server), await opened(server)];
    one.edit("Draw a", add("a"));
    await settled();
    other.edit("Draw b", add("b"));
    other.edit("Remove b, draw c", [{ type: "remove", id: "b" }, ...add("c")]);
    await settled();
    const save = other.saveState.value;
    if (save.state !== "conflict") throw new Error(`the state is ${save.state}`);
    expect([save.conflict.since, save.own]).toEqual([["Draw a"], ["Draw b", "Remove b, draw c"]]);
    expect([...server.objects.keys()]).toEqual(["a"]);
    expect(idsOf(other)).toEqual(["c"]);
    other.resolve("reapply");
    await settled();
    expect([...server.objects.keys()]).toEqual(["a", "c"]);
    expect([other.saveState.value.state, idsOf(other)]).toEqual(["saved", ["a", "c"]]);
  });

  it("are fetched anew when a save was made on something else than what is here", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    const save = server.save.bind(server);
    server.save = (title, changes) => {
      save("Elsewhere", add("other"));
      return save(title, changes);
    };
    expect(server.loads).toBe(1);
    store.edit("Draw a", add("a"));
    await settled();
    expect([server.loads, idsOf(store), store.saveState.value.state]).toEqual([2, ["other", "a"], "saved"]);
  });

  it("are judged as others have drawn them meanwhile, and not at all when they are gone", async () => {
    const server = new FakeServer();
    server.save("Draw", add("a", "b"));
    const store = await opened(server);
    const redrawn = object("a", "redrawn");
    server.save("Reshape", [{ type: "update", object: redrawn }]);
    server.save("Delete", [{ type: "remove", id: "b" }]);
    store.edit("Reject 2 objects", [
      { type: "judge", id: "a", review: "rejected" },
      { type: "judge", id: "b", review: "rejected" },
    ]);
    expect(store.objects.value.get("b")?.review).toBe("rejected");
    await settled();
    expect(store.saveState.value.state).toBe("conflict");
    store.resolve("reapply");
    await settled();
    expect([...server.objects.values()]).toEqual([{ ...redrawn, review: "rejected" }]);
    expect([...store.objects.value.values()]).toEqual([{ ...redrawn, review: "rejected" }]);
  });

  it("that were judged count as saved when the answer was lost", async () => {
    const server = new FakeServer();
    server.save("Draw", add("a"));
    const store = await opened(server);
    server.save("Set class", [{ type: "update", object: { ...object("a"), classification: null } }]);
    store.edit("Set class none", [{ type: "judge", id: "a", classification: null }]);
    await settled();
    expect(store.saveState.value.state).toBe("saved");
    expect(store.hasUnsaved).toBe(false);
  });

  it("let go of one's own edits when that is chosen", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    server.save("Elsewhere", add("a"));
    store.edit("Draw b", add("b"));
    await settled();
    store.resolve("discard");
    await settled();
    expect([idsOf(store), server.revision, store.saveState.value.state]).toEqual([["a"], 1, "saved"]);
  });

  it("are not lost when the server is away", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    server.isDown = true;
    store.edit("Draw a", add("a"));
    await settled();
    expect([store.saveState.value.state, idsOf(store), store.hasUnsaved]).toEqual(["failed", ["a"], true]);
    server.isDown = false;
    store.retry();
    await settled();
    expect([store.saveState.value.state, [...server.objects.keys()]]).toEqual(["saved", ["a"]]);
  });

  it.each(["network", "busy", "storage"])(
    "are saved by themselves once trouble of the kind %s is over",
    async (tag) => {
      vi.useFakeTimers();
      onTestFinished(() => {
        vi.useRealTimers();
      });
      const server = new FakeServer();
      const store = await opened(server);
      server.isDown = true;
      server.tag = tag;
      store.edit("Draw a", add("a"));
      store.edit("Draw b", add("b"));
      await vi.advanceTimersByTimeAsync(120_000);
      expect(store.saveState.value).toMatchObject({ state: "failed", isPassing: true });
      expect([idsOf(store), store.unsaved]).toEqual([
        ["a", "b"],
        ["Draw a", "Draw b"],
      ]);
      // Longer and longer waits: not a request a second for hours.
      expect(server.asked).toBeGreaterThan(5);
      expect(server.asked).toBeLessThan(12);
      server.isDown = false;
      await vi.advanceTimersByTimeAsync(30_000);
      expect([store.saveState.value.state, [...server.objects.keys()]]).toEqual(["saved", ["a", "b"]]);
    },
  );

  it("stay when the server refuses them for good, until they are saved after all or dropped", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    const save = server.save.bind(server);
    server.save = (title, changes) => {
      if (title === "Draw b") throw new Error("has no area");
      return save(title, changes);
    };
    store.edit("Draw b", add("b"));
    store.edit("Brush b", [{ type: "update", object: object("b", "larger") }, ...add("c")]);
    store.edit("Draw d", add("d"));
    store.undo();
    await settled();
    expect(store.saveState.value).toMatchObject({ state: "failed", isPassing: false });
    expect(idsOf(store)).toEqual(["b", "c", "d"]);
    store.retry();
    await settled();
    expect([store.saveState.value.state, idsOf(store), server.revision]).toEqual([
      "failed",
      ["b", "c", "d"],
      0,
    ]);
    store.drop();
    await settled();
    expect([store.saveState.value.state, store.hasUnsaved]).toEqual(["saved", false]);
    expect([[...server.objects.keys()], idsOf(store)]).toEqual([
      ["c", "d"],
      ["c", "d"],
    ]);
  });

  it("go on after a file that the server refuses, which is told to whoever brought it", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    const save = server.save.bind(server);
    server.save = (title, changes) => {
      if (title === "Import") throw new Error("is no annotation file");
      return save(title, changes);
    };
    const told = store.importFrom("results").catch((thrown: unknown) => String(thrown));
    store.edit("Draw a", add("a"));
    expect(await told).toContain("is no annotation file");
    await settled();
    expect([store.saveState.value.state, [...server.objects.keys()]]).toEqual(["saved", ["a"]]);
  });

  it("take every undo, redo and edit that is pressed while something is being saved", async () => {
    const server = new FakeServer();
    server.history = { undo: ["one", "two", "three"], redo: [] };
    const store = await opened(server);
    let open: () => void = () => expect.unreachable();
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    const steps = () =>
      [store.undoStep.value, store.redoStep.value].map(({ isPossible, title }) => isPossible && title);
    store.redo();
    expect([store.hasUnsaved, steps()]).toEqual([false, ["three", false]]);
    store.undo();
    // Below "three" only the server knows.
    expect(steps()).toEqual([null, "three"]);
    store.undo();
    expect(steps()).toEqual([null, null]);
    store.redo();
    store.redo();
    expect(steps()).toEqual(["three", false]);
    store.undo();
    store.edit("Draw a", add("a"));
    expect(steps()).toEqual(["Draw a", false]);
    open();
    await settled();
    expect(server.titles).toEqual(["Undo", "Undo", "Redo", "Redo", "Undo", "Draw a"]);
    expect([store.saveState.value.state, idsOf(store)]).toEqual(["saved", ["a"]]);
  });

  it("stop at the first edit however long undo is held", async () => {
    const server = new FakeServer();
    server.history = { undo: ["one", "two"], redo: [] };
    const store = await opened(server);
    for (let press = 0; press < 5; press++) store.undo();
    await settled();
    expect(server.titles).toEqual(["Undo", "Undo"]);
    expect([store.saveState.value.state, store.hasUnsaved]).toEqual(["saved", false]);
    expect(store.undoStep.value).toEqual({ isPossible: false, title: null });
    expect(store.redoStep.value).toEqual({ isPossible: true, title: "one" });
  });

  it("are saved when they were made before the page had loaded what is there", async () => {
    const server = new FakeServer();
    server.save("Elsewhere", add("a"));
    const store = new SlideAnnotations(server.api);
    const loaded = store.load();
    store.edit("Draw b", add("b"));
    await loaded;
    await settled();
    expect([server.titles, idsOf(store)]).toEqual([
      ["Elsewhere", "Draw b"],
      ["a", "b"],
    ]);
    expect(store.saveState.value.state).toBe("saved");
  });

  it("follow other tabs, but not over edits that are under way", async () => {
    const server = new FakeServer();
    const store = await opened(server);
    server.save("Elsewhere", add("a"));
    store.onRevision(1);
    await settled();
    expect(idsOf(store)).toEqual(["a"]);
    store.undo();
    store.onRevision(2);
    await settled();
    expect([store.saveState.value.state, server.titles.at(-1)]).toEqual(["saved", "Undo"]);
    const result = await store.importFrom("results");
    expect([result.added, idsOf(store)]).toEqual([1, ["a", "imported"]]);
  });
});
