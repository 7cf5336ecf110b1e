import { expect, it } from "vitest";
import { denseOptions, featureDeviation, hasManySlides, presets } from "../../src/run/index.js";

it("features are disturbed where there are fewer than ten slides to learn from, or as told", () => {
  const patchesOf = (slides: number) =>
    Array.from({ length: 40 }, (_, index) => ({ slide: `slide-${index % slides}` }));
  expect(featureDeviation("few-slides", patchesOf(1))).toBe(0.3);
  expect(featureDeviation("few-slides", patchesOf(9))).toBe(0.3);
  expect(featureDeviation("few-slides", patchesOf(10))).toBe(0);
  expect(featureDeviation(0.1, patchesOf(40))).toBe(0.1);
  expect(featureDeviation(0, patchesOf(1))).toBe(0);
});

it("cells are judged with their surroundings where there are ten slides or more, or as told", () => {
  const contextFor = (slides: number, dense = presets.laptop.classifier.dense) => {
    const train = Array.from({ length: 40 }, (_, index) => ({ slide: `slide-${index % slides}` }));
    return denseOptions({ classifier: { ...presets.laptop.classifier, dense } }, hasManySlides(train));
  };
  expect(contextFor(9)).toMatchObject({ context: [], channels: 176 });
  expect(contextFor(10)).toMatchObject({ context: [3, 9], channels: 3 * 176 });
  expect(contextFor(1, { ...presets.laptop.classifier.dense, context: [5] })).toMatchObject({
    context: [5],
    channels: 2 * 176,
  });
});
