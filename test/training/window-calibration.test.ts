import { expect, it } from "vitest";
import {
  balancedAccuracy,
  bestOffset,
  judgeWindows,
  whyUncalibrated,
} from "../../src/training/window-calibration.js";

/** 20 × 20 logits: the left half at one level, the right half at another. */
function halves(left: number, right: number) {
  const data = Float32Array.from({ length: 400 }, (_, pixel) => (pixel % 20 < 10 ? left : right));
  return { width: 20, height: 20, data };
}

const left = { x: 0, y: 0, size: 10, tumour: 0, other: 1 } as const;
const right = { x: 10, y: 5, size: 10, tumour: 1, other: 0 } as const;

it("something is there when it takes more than a twentieth of the window", () => {
  const logits = { width: 10, height: 10, data: new Float32Array(100).fill(-1) };
  logits.data.fill(1, 0, 5);
  const [five] = judgeWindows(logits, [{ ...left, tumour: 1 }]);
  logits.data.fill(1, 0, 6);
  const [six] = judgeWindows(logits, [{ ...left, tumour: 1 }]);
  expect(five?.tumourBelow).toBe(-1);
  expect(six?.tumourBelow).toBe(1);
  expect(six?.otherFrom).toBe(-1);
});

it("the logit chosen separates what the labels separate, and is 0 where that does", () => {
  const shifted = judgeWindows(halves(0.5, 2), [left, right]);
  expect(balancedAccuracy(shifted, 0)).toBe(0.5);
  expect(bestOffset(shifted)).toEqual({ offset: 0.5, accuracy: 1 });
  expect(bestOffset(judgeWindows(halves(-1, 2), [left, right]))).toEqual({ offset: 0, accuracy: 1 });
});

it("windows of which nothing is known do not count", () => {
  expect(judgeWindows(halves(0, 1), [{ ...left, tumour: null, other: null }])).toEqual([]);
  const half = judgeWindows(halves(-1, 2), [{ ...right, other: null }]);
  expect(balancedAccuracy(half, 0)).toBe(1);
  expect(balancedAccuracy(half, 2.5)).toBe(0);
});

it("few slides tell no other's separating logit", () => {
  const of = (...slides: readonly string[]) => slides.map((slide) => ({ slide }));
  expect(whyUncalibrated(of("a", "a", "a", "a"))).toMatch(/of one slide.*stays 0/);
  expect(whyUncalibrated(of("a", "b", "a"))).toMatch(/of 2 slides/);
  expect(whyUncalibrated(of("a", "b", "c"))).toBeNull();
});
