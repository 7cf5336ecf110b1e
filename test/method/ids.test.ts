import { expect, it } from "vitest";
import { EpSamError } from "../../src/common/index.js";
import type { Mask } from "../../src/imaging/index.js";
import { idsScore, isPseudoLabel } from "../../src/method/index.js";

const mask = (...data: number[]): Mask => ({ width: data.length, height: 1, data: Uint8Array.from(data) });

it("is the supported share of SAM's mask, with one added to its area", () => {
  expect(idsScore(mask(1, 1, 0, 0), mask(1, 1, 1, 0))).toBe(2 / 4);
  expect(idsScore(mask(1, 1, 1, 1), mask(0, 1, 0, 0))).toBe(1 / 2);
});

it("is zero without overlap and for an empty mask", () => {
  expect(idsScore(mask(1, 0), mask(0, 1))).toBe(0);
  expect(idsScore(mask(1, 1), mask(0, 0))).toBe(0);
});

it("does not count what SAM leaves out of the activation map", () => {
  const small = new Uint8Array(100).fill(1, 0, 30);
  const whole = new Uint8Array(100).fill(1);
  const score = idsScore({ width: 100, height: 1, data: whole }, { width: 100, height: 1, data: small });
  expect(score).toBe(30 / 31);
  expect(isPseudoLabel(score)).toBe(true);
});

it("selects from 0.9 on, or from another threshold", () => {
  expect(isPseudoLabel(0.9)).toBe(true);
  expect(isPseudoLabel(0.8999)).toBe(false);
  expect(isPseudoLabel(0.5, 0.5)).toBe(true);
});

it("refuses masks of different sizes", () => {
  expect(() => idsScore(mask(1, 1), mask(1))).toThrow(EpSamError);
});
