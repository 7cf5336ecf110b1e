import { describe, expect, it } from "vitest";
import {
  emptyHistory,
  type HistoryState,
  saveBetween,
  stateOf,
  titlesSince,
  withEdit,
  withRedo,
  withUndo,
} from "../../src/annotations/saved/history.js";
import { annotationLimits } from "../../src/annotations/saved/limits.js";
import { RandomStream } from "../../src/common/index.js";
import type { AnnotationChange } from "../../src/contract/index.js";
import { checkEdit } from "../../src/server/annotations/check-edit.js";
import { applySave } from "../../src/web/tools/store/apply-changes.js";
import { areaFrom, objectOf, square, uuid } from "./annotation-fixtures.js";

/** One to three changes that fit what is there. */
function randomChanges(history: HistoryState, stream: RandomStream, next: () => number): AnnotationChange[] {
  const present = stream.shuffled(history.objects.map(({ object }) => object.id));
  return Array.from({ length: 1 + stream.integer(3) }, (): AnnotationChange => {
    const id = stream.chance(0.6) ? present.pop() : undefined;
    if (id === undefined) return { type: "add", object: objectOf(next()) };
    if (stream.chance(0.5)) return { type: "remove", id };
    return { type: "update", object: { ...objectOf(1), id, name: `changed ${stream.integer(1000)}` } };
  });
}

function required(history: HistoryState | null): HistoryState {
  if (history === null) throw new Error("there was nothing to step to");
  return history;
}

describe("undo and redo", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("lead back to every state and forward again (seed %i)", async (seed) => {
    const stream = new RandomStream(seed, "annotation history");
    let number = 0;
    const states = [emptyHistory];
    for (let edit = 0; edit < 40; edit++) {
      const last = required(states.at(-1) ?? null);
      const changes = randomChanges(last, stream, () => ++number);
      await checkEdit(last, changes);
      states.push(withEdit(last, `edit ${edit}`, changes));
    }
    let history = required(states.at(-1) ?? null);
    for (const expected of [...states].reverse().slice(1)) {
      history = required(withUndo(history));
      // Objects and their order, and what undo and redo would do.
      expect(history.objects).toEqual(expected.objects);
      expect(stateOf(history).undo).toBe(stateOf(expected).undo);
    }
    expect(withUndo(history)).toBeNull();
    for (const expected of states.slice(1)) {
      history = required(withRedo(history));
      expect(history.objects).toEqual(expected.objects);
    }
    expect(withRedo(history)).toBeNull();
    expect(history.revision).toBe(40 + 40 + 40);
  });

  it("forget what was undone when something else is edited", () => {
    const first = withEdit(emptyHistory, "one", [{ type: "add", object: objectOf(1) }]);
    const other = withEdit(required(withUndo(first)), "two", [{ type: "add", object: objectOf(2) }]);
    expect(withRedo(other)).toBeNull();
    expect(stateOf(other)).toMatchObject({ revision: 3, undo: "two", redo: null });
  });

  it("keep an object's place when it is removed and comes back", () => {
    let history = emptyHistory;
    for (const number of [1, 2, 3]) {
      history = withEdit(history, "draw", [{ type: "add", object: objectOf(number) }]);
    }
    const removed = withEdit(history, "remove", [{ type: "remove", id: uuid(2) }]);
    const back = required(withUndo(removed));
    expect(stateOf(back).objects.map(({ id }) => id)).toEqual([1, 2, 3].map(uuid));
  });

  it("keep a bounded number of steps, and at least the last one however large", () => {
    let history = emptyHistory;
    for (let edit = 0; edit < annotationLimits.undoSteps + 20; edit++) {
      history = withEdit(history, `edit ${edit}`, [{ type: "add", object: objectOf(edit) }]);
    }
    expect(history.undo).toHaveLength(annotationLimits.undoSteps);
    expect(history.undo[0]?.title).toBe("edit 20");
    const ring = Array.from({ length: annotationLimits.undoVertices + 10 }, (_, at): [number, number] => [
      at,
      at % 7,
    ]);
    const huge = objectOf(9999, { area: areaFrom([...ring, ring[0] ?? [0, 0]]) });
    history = withEdit(history, "draw", [{ type: "add", object: huge }]);
    history = withEdit(history, "remove", [{ type: "remove", id: huge.id }]);
    expect(history.undo.map(({ title }) => title)).toEqual(["remove"]);
  });
});

describe("what is told of a save", () => {
  it.each([1, 2, 3])("makes of the page's objects those of the server, in their order (seed %i)", (seed) => {
    const stream = new RandomStream(seed, "told saves");
    let number = 0;
    let history = emptyHistory;
    let page: ReturnType<typeof applySave> = new Map();
    for (let save = 0; save < 80; save++) {
      const step = [withUndo, withRedo, () => null][stream.integer(3)]?.(history);
      const after =
        step ??
        withEdit(
          history,
          "edit",
          randomChanges(history, stream, () => ++number),
        );
      page = applySave(page, saveBetween(history, after));
      history = after;
      expect([...page.values()]).toEqual(stateOf(history).objects);
    }
    expect(page.size).toBeGreaterThan(3);
  });

  it("puts objects back among those that stayed", () => {
    const draw = (count: number): AnnotationChange[] =>
      Array.from({ length: count }, (_, at) => ({ type: "add", object: objectOf(at) }));
    const all = withEdit(emptyHistory, "draw", draw(6));
    const some = withEdit(
      all,
      "delete",
      [0, 1, 3, 5].map((at) => ({ type: "remove", id: uuid(at) })),
    );
    const told = saveBetween(some, required(withUndo(some)));
    expect(told.added.map(({ object, below }) => [object.id, below])).toEqual([
      [uuid(0), uuid(2)],
      [uuid(1), uuid(2)],
      [uuid(3), uuid(4)],
      [uuid(5), null],
    ]);
    expect(saveBetween(all, all)).toMatchObject({
      since: 1,
      revision: 1,
      added: [],
      updated: [],
      removed: [],
    });
  });
});

describe("titles of what was saved since", () => {
  it("are those after the revision, and say how many were forgotten", () => {
    let history = emptyHistory;
    for (let edit = 0; edit < annotationLimits.titles + 5; edit++) {
      history = withEdit(history, `edit ${edit}`, [{ type: "add", object: objectOf(edit) }]);
    }
    expect(titlesSince(history, history.revision - 2)).toEqual(["edit 103", "edit 104"]);
    expect(titlesSince(history, 0).slice(0, 2)).toEqual(["5 earlier edits", "edit 5"]);
    expect(titlesSince(history, history.revision + 3)).toEqual([]);
  });
});

describe("edits that do not fit", () => {
  const history = withEdit(emptyHistory, "draw", [{ type: "add", object: objectOf(1) }]);
  const flat = areaFrom([
    [0, 0],
    [5, 5],
    [9, 9],
    [0, 0],
  ]);
  it.each<[string, AnnotationChange[], string]>([
    ["an id that is there already", [{ type: "add", object: objectOf(1) }], "is there already"],
    ["a change of what is not there", [{ type: "update", object: objectOf(2) }], "is not there"],
    ["a removal of what is not there", [{ type: "remove", id: uuid(2) }], "is not there"],
    [
      "two changes of one object",
      [
        { type: "remove", id: uuid(1) },
        { type: "add", object: objectOf(1) },
      ],
      "changed twice",
    ],
    [
      "an outline without area",
      [{ type: "add", object: objectOf(2, { area: flat }) }],
      "an outline without area",
    ],
    [
      "a hole as large as its outline",
      [
        {
          type: "update",
          object: objectOf(1, { area: areaFrom(square(0, 0, 9), square(0, 0, 9)) }),
        },
      ],
      "an outline without area",
    ],
  ])("%s", async (_, changes, message) => {
    await expect(checkEdit(history, changes)).rejects.toThrow(message);
  });
});
