import { afterAll, expect, it, vi } from "vitest";
import { TeachingProcess } from "../../src/server/teaching/teaching-process.js";
import type { TeachingWork } from "../../src/server/teaching/work.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const directory = temporaryDirectory();
const teaching = new TeachingProcess();

vi.setConfig({ testTimeout: 120_000 });
afterAll(() => teaching.close());

it("a lesson goes before the map, the map before suggestions, and what nobody has asked for yet comes last", async () => {
  const lesson = { slide: directory.path("none.tif"), run: null, version: "1" };
  const squares = [{ x: 0, y: 0, size: 112, tumour: 1 as const }];
  const box = { space: "level-0" as const, x: 0, y: 0, width: 9, height: 9 };
  const place = (column: number) => ({ column, row: 0 });
  const order: string[] = [];
  const work: TeachingWork[] = [
    { kind: "prepare", lesson, place: place(0), views: 1 },
    { kind: "prepare-squares", lesson, squares: [] },
    { kind: "suggest", lesson, squares, box, size: 112 },
    { kind: "map", lesson, squares, place: place(0), views: 1 },
    { kind: "map", lesson, squares, place: place(1), views: 2 },
    { kind: "teach", lesson, squares },
  ];
  // There is no such slide: each fails when its turn comes.
  const turns = work.map((one) =>
    teaching.run(one).catch(() => order.push("place" in one ? `${one.kind} ${one.place.column}` : one.kind)),
  );
  await Promise.all(turns);
  expect(order).toEqual(["prepare 0", "teach", "map 0", "map 1", "suggest", "prepare-squares"]);
});
