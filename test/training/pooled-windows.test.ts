import { expect, it } from "vitest";
import {
  likeliestOffset,
  poolWindows,
  whyUncalibrated,
  windowAccuracy,
  windowLoss,
} from "../../src/training/pooled-windows.js";

/** 20 × 20 logits: the left half at one level, the right half at another. */
function halves(left: number, right: number) {
  const data = Float32Array.from({ length: 400 }, (_, pixel) => (pixel % 20 < 10 ? left : right));
  return { width: 20, height: 20, data };
}

const left = { x: 0, y: 0, size: 10, tumour: 0, other: 1 } as const;
const right = { x: 10, y: 5, size: 10, tumour: 1, other: 0 } as const;

it("more than a quarter of a window speaks for what it has", () => {
  const logits = { width: 10, height: 10, data: new Float32Array(100).fill(-1) };
  logits.data.fill(1, 0, 25);
  const [quarter] = poolWindows(logits, [left]);
  logits.data.fill(1, 0, 26);
  const [more] = poolWindows(logits, [left]);
  logits.data.fill(1, 0, 75);
  const [most] = poolWindows(logits, [left]);
  expect(quarter?.logits).toEqual([-1, 1]);
  expect(more?.logits).toEqual([1, 1]);
  expect(most?.logits).toEqual([1, -1]);
});

it("the logit chosen lies between what the labels separate, and is 0 where that does", () => {
  const shifted = poolWindows(halves(0.5, 2), [left, right]);
  expect(windowAccuracy(shifted, 0)).toBe(0.5);
  const offset = likeliestOffset(shifted);
  expect(offset).toBeCloseTo(1.25, 5);
  expect(windowAccuracy(shifted, offset)).toBe(1);
  expect(windowLoss(shifted, offset)).toBeLessThan(windowLoss(shifted, 0));
  expect(likeliestOffset(poolWindows(halves(-1, 1), [left, right]))).toBe(0);
});

it("what is frequent does not decide alone", () => {
  const often = Array.from({ length: 30 }, () => right);
  expect(likeliestOffset(poolWindows(halves(0.5, 2), [left, ...often]))).toBeCloseTo(1.25, 5);
});

it("a label that is the same wherever it is known pulls to no side", () => {
  const tumour = { ...right, other: null };
  expect(likeliestOffset(poolWindows(halves(0.5, 2), [left, tumour]))).toBeCloseTo(1.25, 5);
  expect(likeliestOffset(poolWindows(halves(0.5, 2), [{ ...left, tumour: null }, right]))).toBeCloseTo(
    1.25,
    5,
  );
});

it("windows of which nothing is known do not count", () => {
  expect(poolWindows(halves(0, 1), [{ ...left, tumour: null, other: null }])).toEqual([]);
  const half = poolWindows(halves(-1, 2), [{ ...right, other: null }]);
  expect(windowAccuracy(half, 0)).toBe(1);
  expect(windowAccuracy(half, 2.5)).toBe(0);
});

it("few slides tell no other's separating logit", () => {
  const of = (...slides: readonly string[]) => slides.map((slide) => ({ slide }));
  expect(whyUncalibrated(of("a", "a", "a", "a"))).toMatch(/of one slide.*stays 0/);
  expect(whyUncalibrated(of("a", "b", "a"))).toMatch(/of 2 slides/);
  expect(whyUncalibrated(of("a", "b", "c"))).toBeNull();
});
