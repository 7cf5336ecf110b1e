import { expect, it } from "vitest";
import { jsonPieces, Slices } from "../../src/common/index.js";

const positions = Array.from({ length: 5000 }, (_, at) => [at / 7, -at]);

it.each<[string, object]>([
  ["nothing", {}],
  ["an empty list", []],
  ["a small object", { a: 1, b: null, c: undefined, d: "„“\u2028\n", e: [undefined, true] }],
  ["many numbers", Array.from({ length: 3000 }, (_, at) => at / 3)],
  ["positions", { type: "MultiPolygon", coordinates: [[positions, positions.slice(0, 4)], []] }],
  [
    "many objects",
    Array.from({ length: 3000 }, (_, at) => ({ id: `${at}`, ring: positions.slice(at, at + 3) })),
  ],
  ["numbers, then something else", [...Array.from({ length: 3000 }, () => 1), { a: [] }, null, "x"]],
  ["members that are left out", { a: undefined, b: positions, c: undefined, d: positions }],
])("JSON of %s is the same in pieces", (_, value) => {
  const pieces = [...jsonPieces(value)];
  expect(pieces.join("")).toBe(JSON.stringify(value));
  for (const piece of pieces) expect(piece.length).toBeLessThan(2 ** 18);
});

it("long work lets others have their turn", async () => {
  const slices = new Slices();
  let others = 0;
  const count = () => {
    others += 1;
    if (others < 3) setImmediate(count);
  };
  setImmediate(count);
  const begun = process.cpuUsage();
  while (others < 3) {
    await slices.next();
    expect(process.cpuUsage(begun).user).toBeLessThan(60e6);
  }
});
