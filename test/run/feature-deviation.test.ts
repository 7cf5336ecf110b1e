import { expect, it } from "vitest";
import { featureDeviation } from "../../src/run/index.js";

it("features are disturbed where there are fewer than ten slides to learn from, or as told", () => {
  const patchesOf = (slides: number) =>
    Array.from({ length: 40 }, (_, index) => ({ slide: `slide-${index % slides}` }));
  expect(featureDeviation("few-slides", patchesOf(1))).toBe(0.3);
  expect(featureDeviation("few-slides", patchesOf(9))).toBe(0.3);
  expect(featureDeviation("few-slides", patchesOf(10))).toBe(0);
  expect(featureDeviation(0.1, patchesOf(40))).toBe(0.1);
  expect(featureDeviation(0, patchesOf(1))).toBe(0);
});
