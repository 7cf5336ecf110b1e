import { expect, it } from "vitest";
import type { AnnotationObject } from "../../../src/contract/index.js";
import { placesDrawn, rowWindow } from "../../../src/web/interface/row-window.js";
import { csvOf } from "../../../src/web/objects/object-csv.js";
import { rowsOf, sizeOf, sizeOfRow } from "../../../src/web/objects/object-row.js";
import { anything, filtered, noFilter, ordered, type RowFilter } from "../../../src/web/objects/row-order.js";
import { BEYOND, ROW_HEIGHT, scrollTo } from "../../../src/web/objects/row-window.js";
import { found, squareObject } from "./rows.js";

const HALF = { x: 0.5, y: 0.5 };

const objects = [
  squareObject("a", 10, { name: "Focus 10" }),
  squareObject("b", 30, { name: "Focus 2", review: "accepted", classification: null, origin: "drawn" }),
  squareObject("c", 20, {
    ...{ name: "=1+1", review: "rejected", classification: "Stroma" },
    ...{ author: "@cmd", comment: "+1 look here" },
  }),
];
const byId = (...all: readonly AnnotationObject[]) => new Map(all.map((object) => [object.id, object]));
const rows = rowsOf(byId(...objects), [
  found(squareObject("a", 10, { name: "Focus 10" }), 0.9),
  found(squareObject("c", 21), 0.7),
  found(squareObject("d", 50, { name: "Focus 1" }), 0.8),
]);
const ids = (list: typeof rows) => list.map(({ object }) => object.id).join("");
const passing = (filter: Partial<RowFilter>) => ids(filtered(rows, { ...noFilter, ...filter }, HALF));

it("an annotation keeps what a run measured while its outline is the run's; what is not brought in follows", () => {
  expect(rows.map(({ object, isKept, probability }) => [object.id, isKept, probability])).toEqual([
    ["a", true, 0.9],
    ["b", true, null],
    // Its outline has been changed.
    ["c", true, null],
    ["d", false, 0.8],
  ]);
});

it("what a run has found and somebody has outlined is one row, by whatever id", () => {
  const focus = found(squareObject("run", 100, { name: "Focus 1" }), 0.9);
  const listed = (...kept: readonly AnnotationObject[]) =>
    rowsOf(byId(...kept), [focus]).map(({ object, probability }) => [object.id, probability]);
  // Made of the map at the run's threshold, at another one, and drawn.
  expect(listed(squareObject("same", 100))).toEqual([["same", 0.9]]);
  expect(listed(squareObject("wider", 110))).toEqual([["wider", null]]);
  expect(listed(squareObject("drawn", 80, { origin: "drawn", classification: null }))).toEqual([
    ["drawn", null],
  ]);
  // A part of it, much more than it, and where somebody has looked, are something else.
  const [part, whole] = [squareObject("part", 70), squareObject("whole", 150)];
  const looked = squareObject("looked", 100, { classification: "Region*" });
  expect(listed(part, whole, looked)).toEqual([
    ["part", null],
    ["whole", null],
    ["looked", null],
    ["run", 0.9],
  ]);
  // The same again, and after it was taken away.
  expect(listed(squareObject("same", 100))).toEqual([["same", 0.9]]);
  expect(listed(part)).toEqual([
    ["part", null],
    ["run", 0.9],
  ]);
});

it("what a run measured of its mask counts, in its own unit, until the outline is changed", () => {
  const measured = { area: 26, diameter: 7, inMicrons: true };
  const [row] = rowsOf(byId(squareObject("a", 10)), [found(squareObject("a", 10), null, measured)]);
  const [changed] = rowsOf(byId(squareObject("a", 11)), [found(squareObject("a", 10), null, measured)]);
  if (row === undefined || changed === undefined) throw new Error("a row");
  expect(sizeOfRow(row, HALF).area).toBe(26);
  expect(sizeOfRow(row, null).area).toBe(100);
  expect(sizeOfRow(changed, HALF).area).toBe(30.25);
});

it("sizes are in µm, also where pixels are not square", () => {
  expect(sizeOf(squareObject("e", 30), HALF)).toEqual({
    area: 225,
    diameter: Math.hypot(15, 15),
    length: null,
  });
  const { area, diameter } = sizeOf(squareObject("e", 30), { x: 1, y: 2 });
  expect(area).toBe(1800);
  expect(diameter).toBeCloseTo(Math.hypot(30, 60), 9);
  expect(sizeOf(squareObject("e", 30), null).area).toBe(900);
  const [first, second] = [squareObject("f", 10).area, squareObject("f", 100).area];
  const parts = { type: "MultiPolygon", coordinates: [...first.coordinates, ...second.coordinates] } as const;
  expect(sizeOf({ area: parts }, null).diameter).toBeCloseTo(Math.hypot(100, 100), 9);
  const none = { type: "MultiPolygon", coordinates: [] } as const;
  const line = {
    area: none,
    mark: {
      type: "LineString",
      coordinates: [
        [0, 0],
        [3, 4],
      ],
    },
  } as const;
  expect(sizeOf(line, HALF)).toEqual({ area: null, diameter: null, length: 2.5 });
  const points = { area: none, mark: { type: "MultiPoint", coordinates: [[0, 0]] } } as const;
  expect(sizeOf(points, HALF)).toEqual({ area: null, diameter: null, length: null });
});

it("rows are filtered by words, class, state and area", () => {
  expect(passing({})).toBe("abcd");
  expect(passing({ text: "focus" })).toBe("abd");
  expect(passing({ text: "DRAWN focus" })).toBe("b");
  expect(passing({ text: "brought" })).toBe("d");
  expect(passing({ text: "look cmd" })).toBe("c");
  expect(passing({ classification: null })).toBe("b");
  expect(passing({ classification: "Tumor" })).toBe("ad");
  expect(passing({ classification: anything, state: "rejected" })).toBe("c");
  expect(passing({ state: "found" })).toBe("d");
  // In µm²: 25, 225, 100, 400.
  expect(passing({ least: 100 })).toBe("bcd");
  expect(passing({ least: 100, most: 225 })).toBe("bc");
});

it("rows are ordered by each column, what is unknown last", () => {
  const order = (column: Parameters<typeof ordered>[1]["column"], isDescending = false) =>
    ids(ordered(rows, { column, isDescending }, HALF));
  expect(order("area")).toBe("acbd");
  expect(order("area", true)).toBe("dbca");
  expect(order("diameter", true)).toBe("dbca");
  expect(order("title")).toBe("cdba");
  expect(order("class")).toBe("cadb");
  expect(order("class", true)).toBe("adcb");
  expect(order("probability")).toBe("dabc");
  expect(order("probability", true)).toBe("adbc");
  expect(order("state")).toBe("bdac");
  expect(order("author")).toBe("cabd");
});

it("a table for spreadsheets has no formula in it", async () => {
  const lines = (await csvOf(rows, HALF)).trim().split("\n");
  expect(lines[0]).toBe(
    "id,name,class,area_um2,diameter_um,length_um,probability,review,author,origin,comment,centre_x_px,centre_y_px",
  );
  expect(lines[1]).toBe(`a,Focus 10,Tumor,25,${Math.hypot(5, 5)},,0.9,not reviewed,,result of a run,,5,5`);
  expect(lines[3]).toContain("c,'=1+1,Stroma,100,");
  expect(lines[3]).toContain(",rejected,'@cmd,result of a run,'+1 look here,");
  expect((await csvOf(rows, null)).split("\n")[0]).toContain("area_px2,diameter_px");
});

it("only the rows that are seen are drawn, and keys scroll no farther than they must", () => {
  const rowsAt = (count: number, top: number) =>
    rowWindow(count, { rowHeight: ROW_HEIGHT, top, height: 300, beyond: BEYOND });
  expect(rowsAt(5000, 0)).toEqual({ first: 0, end: 16 });
  expect(rowsAt(5000, 3000)).toEqual({ first: 94, end: 116 });
  expect(rowsAt(5000, 149_700)).toEqual({ first: 4984, end: 5000 });
  expect(rowsAt(3, 0)).toEqual({ first: 0, end: 3 });
  // The list became shorter than it was scrolled.
  expect(rowsAt(2, 9000)).toEqual({ first: 2, end: 2 });
  // It begins below what is seen.
  expect(rowsAt(5000, -600)).toEqual({ first: 0, end: 0 });
  expect(placesDrawn(100, { first: 10, end: 13 }, [0, 99, -1, 11, 40])).toEqual([0, 10, 11, 12, 40, 99]);
  expect(placesDrawn(2, { first: 2, end: 12 }, [0, 1])).toEqual([0, 1]);
  expect(placesDrawn(0, { first: 0, end: 12 }, [0, -1])).toEqual([]);
  expect(scrollTo(4, 0, 300)).toBe(0);
  expect(scrollTo(10, 0, 300)).toBe(11 * ROW_HEIGHT - 300);
  expect(scrollTo(2, 300, 300)).toBe(2 * ROW_HEIGHT);
});
