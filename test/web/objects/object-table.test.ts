import { computed, signal } from "@preact/signals";
import { expect, it } from "vitest";
import { type AnnotationObject, type EditChange, editLimits } from "../../../src/contract/index.js";
import { ObjectTable } from "../../../src/web/objects/object-table.js";
import { noFilter } from "../../../src/web/objects/row-order.js";
import { applyChanges } from "../../../src/web/tools/store/apply-changes.js";
import { found, squareObject } from "./rows.js";

/** A table of some annotations, the largest first, on an editor that does what it is told. */
function tableOf(objects: readonly AnnotationObject[], others: readonly AnnotationObject[] = []) {
  const edits: { readonly title: string; readonly changes: readonly EditChange[] }[] = [];
  const said: string[] = [];
  const flights: number[] = [];
  const refused: string[] = [];
  const there = signal(
    new Map(objects.map((object) => [object.id, object])) as ReadonlyMap<string, AnnotationObject>,
  );
  const selection = signal<ReadonlySet<string>>(new Set());
  const editor = {
    viewer: {
      slide: signal({ micronsPerPixel: { x: 1, y: 1 } }),
      announce: (text: string) => said.push(text),
      flyTo: ({ width }: { readonly width: number }) => flights.push(width),
    },
    store: {
      objects: computed(() => there.value),
      edit(title: string, changes: readonly EditChange[]) {
        edits.push({ title, changes });
        there.value = applyChanges(there.value, changes);
      },
    },
    selection,
    select(ids: Iterable<string>) {
      selection.value = new Set(ids);
    },
  };
  const results = signal(others.map((object) => found(object, 0.5)));
  const table = new ObjectTable(editor, results, (why) => refused.push(why));
  return { table, edits, said, flights, refused, there, selection };
}

const five = ["a", "b", "c", "d", "e"].map((id, index) => squareObject(id, 50 - 10 * index));
const selectedIn = ({ selection }: ObjectTable) => [...selection.value].sort().join("");

it("rows are chosen one, several, or all between two, whatever their order", () => {
  const { table, flights, said } = tableOf(five);
  table.choose("b", "only");
  expect([selectedIn(table), flights]).toEqual(["b", [40]]);
  table.choose("d", "range");
  expect(selectedIn(table)).toBe("bcd");
  // From the same beginning, and the other way.
  table.choose("a", "range");
  expect(selectedIn(table)).toBe("ab");
  table.choose("e", "toggle");
  expect(selectedIn(table)).toBe("abe");
  table.choose("a", "toggle");
  expect(selectedIn(table)).toBe("be");
  expect(said.at(-1)).toBe("2 selected");
  table.orderBy("area");
  table.choose("b", "only");
  table.choose("d", "range");
  expect(selectedIn(table)).toBe("bcd");
  // Only a row that is alone comes into view.
  expect(flights).toEqual([40, 40]);
});

it("keys go from row to row to the ends, and with Shift select what lies between", () => {
  const { table } = tableOf(five);
  table.step(1, "only");
  expect(selectedIn(table)).toBe("a");
  table.step(2, "only");
  table.step(1, "range");
  expect(selectedIn(table)).toBe("cd");
  table.step(100, "range");
  expect(selectedIn(table)).toBe("cde");
  table.step(-100, "only");
  expect(selectedIn(table)).toBe("a");
});

it("all that the filter shows is selected, and no more", () => {
  const { table } = tableOf(five);
  table.filter.value = { ...noFilter, least: 800 };
  table.selectShown();
  expect(selectedIn(table)).toBe("abc");
  table.filter.value = { ...noFilter, most: 200 };
  // What was selected stays so, though it is not shown.
  expect(table.scope.map(({ object }) => object.id)).toEqual(["a", "b", "c"]);
  table.clear();
  expect(table.scope.map(({ object }) => object.id)).toEqual(["e"]);
});

it("a batch is one edit without outlines, of what it changes alone", () => {
  const [first = squareObject("a", 50), ...rest] = five;
  const { table, edits, there } = tableOf([{ ...first, review: "accepted" }, ...rest]);
  table.judge("Accept", { review: "accepted" }, table.shown.value);
  expect(edits).toEqual([
    {
      title: "Accept 5 objects",
      changes: ["b", "c", "d", "e"].map((id) => ({ type: "judge", id, review: "accepted" })),
    },
  ]);
  expect([...there.value.values()].map(({ review }) => review)).toEqual(Array(5).fill("accepted"));
  table.judge("Accept", { review: "accepted" }, table.shown.value);
  expect(edits.length).toBe(1);
  table.judge("Set class none of", { classification: null }, table.shown.value.slice(0, 2));
  expect(edits[1]?.changes).toEqual(["a", "b"].map((id) => ({ type: "judge", id, classification: null })));
});

it("what a run has found is brought in as it is judged, in the same edit, and stays selected", () => {
  const { table, edits, there, selection } = tableOf(five.slice(0, 1), [
    squareObject("f", 90),
    squareObject("g", 5),
  ]);
  expect(table.shown.value.map(({ object }) => object.id)).toEqual(["f", "a", "g"]);
  table.choose("f", "only");
  table.choose("a", "range");
  expect([selectedIn(table), [...selection.value]]).toEqual(["af", ["a"]]);
  table.judge("Reject", { review: "rejected" }, table.selected.value);
  expect(edits.length).toBe(1);
  expect([...there.value.values()].map(({ id, review }) => `${id} ${review}`)).toEqual([
    "a rejected",
    "f rejected",
  ]);
  expect([...selection.value].sort()).toEqual(["a", "f"]);
  expect(table.rows.value.map(({ object, isKept }) => [object.id, isKept])).toEqual([
    ["a", true],
    ["f", true],
    ["g", false],
  ]);
});

it("what the server would refuse is not begun", () => {
  const { area } = squareObject("x", 10);
  const corner = area.coordinates[0]?.[0]?.[0] ?? ([0, 0] as const);
  const large = {
    type: "MultiPolygon",
    coordinates: [[Array.from({ length: 20_000 }, () => corner)]],
  } as const;
  const heavy = Array.from({ length: 400 }, (_, index) => squareObject(`h${index}`, 10, { area: large }));
  const { table, edits, refused } = tableOf([], heavy);
  table.judge("Accept", { review: "accepted" }, table.shown.value);
  expect(edits).toEqual([]);
  expect(refused[0]).toMatch(/46 MiB of 29 MiB.*several steps/);
  const many = Array.from({ length: editLimits.changes + 1 }, (_, index) => squareObject(`m${index}`, 1));
  const crowd = tableOf(many);
  crowd.table.judge("Accept", { review: "accepted" }, crowd.table.shown.value);
  expect(crowd.edits).toEqual([]);
  expect(crowd.refused[0]).toMatch(/50,001 objects are too many.*50,000/);
});
