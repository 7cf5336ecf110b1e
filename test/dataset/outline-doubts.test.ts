import { describe, expect, it } from "vitest";
import { placeOnSlide, readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { outlineDoubts } from "../../src/dataset/index.js";
import { openSlide } from "../../src/slides/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

type Place = readonly [x: number, y: number];

const [WIDTH, HEIGHT] = [2000, 1600];
/** A nest, drawn in the slide's colours: all is tissue. */
const isNest = (x: number, y: number): boolean => x >= 900 && x < 1500 && y >= 200 && y < 500;
const slide = memorySlide("a", WIDTH, HEIGHT, (x, y) => (isNest(x, y) ? [120, 60, 150] : [215, 140, 185]));

const region = (...places: Place[]): TumourRegion => {
  const [first = [0, 0]] = places;
  const coordinates = Float64Array.from([...places, first].flat());
  return new TumourRegion([{ outer: { space: "level-0", coordinates }, holes: [] }]);
};
const nest: readonly Place[] = [
  [900, 200],
  [1500, 200],
  [1500, 500],
  [900, 500],
];

describe("outlines that the colours of a slide know nothing of", () => {
  it.each<[string, (place: Place) => Place]>([
    ["with x and y exchanged", ([x, y]) => [y, x]],
    ["at twice the scale", ([x, y]) => [x / 2, y / 2]],
    ["at four times the scale", ([x, y]) => [x / 4, y / 4]],
    ["at half the scale", ([x, y]) => [2 * x, 2 * y]],
    ["with y counted from below", ([x, y]) => [x, HEIGHT - y]],
  ])("are told when they do %s", async (mended, wrong) => {
    const told = await outlineDoubts(slide, region(...nest.map(wrong)));
    expect(told).toEqual([
      expect.stringMatching(
        new RegExp(
          `^the outlined tumour tells \\d % of how the slide's colours vary, ${mended} it would tell (9\\d|100) %`,
        ),
      ),
    ]);
  });

  it("are not told when they are right, somewhere else, or where colours hardly vary", async () => {
    expect(await outlineDoubts(slide, region(...nest))).toEqual([]);
    expect(await outlineDoubts(slide, region([50, 50], [250, 50], [250, 250], [50, 250]))).toEqual([]);
    expect(await outlineDoubts(slide, new TumourRegion([]))).toEqual([]);
    const even = memorySlide("a", WIDTH, HEIGHT, () => [215, 140, 185]);
    expect(await outlineDoubts(even, region(...nest.map(([x, y]): Place => [y, x])))).toEqual([]);
  });
});

describeWithShared(
  "outlines of scanned regions",
  ["data/slides/bcss1008.tif", "data/slides/bcss1015.tif"],
  () => {
    it.each(["bcss1008", "bcss1015"])("raise no doubt: %s", async (name) => {
      const source = await openSlide(sharedPath("data", "slides", `${name}.tif`));
      const set = placeOnSlide(await readAnnotations(sharedPath("data", "slides", `${name}.xml`)), source);
      expect(await outlineDoubts(source, TumourRegion.of(set))).toEqual([]);
      await source.close();
    });
  },
);
