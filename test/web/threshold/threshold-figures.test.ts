import { expect, it } from "vitest";
import type { Thresholds } from "../../../src/contract/index.js";
import { figureAt, probabilityText, USUAL_THRESHOLD } from "../../../src/web/threshold/threshold-figures.js";

const at = (values: Readonly<Record<number, number>>) =>
  Array.from({ length: 256 }, (_, level) => values[level] ?? 0);

const thresholds: Thresholds = {
  ...{ downsample: 4, isFinest: true, warnings: [] },
  pixels: at({ 0: 1000, 128: 50 }),
  foci: at({ 0: 1, 128: 3 }),
  truths: [
    { kind: "ground-truth", origin: "a.xml", tumour: at({ 0: 80, 128: 40 }), other: at({ 0: 920, 128: 10 }) },
    { kind: "corrections", origin: "accepted here", tumour: at({}), other: at({ 0: 20 }) },
  ],
};

it("figures at a threshold follow from the counts", () => {
  const { level0Pixels, foci, agreements } = figureAt(thresholds, USUAL_THRESHOLD);
  expect([level0Pixels, foci]).toEqual([800, 3]);
  expect(agreements[0]).toMatchObject({ dice: 80 / 130, precision: 0.8, recall: 0.5, knownPixels: 16_000 });
});

it("what has nothing to be divided by is unknown, not 0 or 1", () => {
  const { agreements } = figureAt(thresholds, 200);
  expect(agreements[0]).toMatchObject({ dice: 0, precision: null, recall: 0 });
  expect(agreements[1]).toMatchObject({ dice: null, precision: null, recall: null });
});

it("a threshold is said as the probability that it stands for", () => {
  expect([1, USUAL_THRESHOLD, 255].map(probabilityText)).toEqual(["0.00", "0.50", "1.00"]);
});
