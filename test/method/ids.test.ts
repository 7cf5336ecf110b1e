import { describe, expect, it } from "vitest";
import { EpSamError } from "../../src/common/index.js";
import type { Mask } from "../../src/imaging/index.js";
import { idsScore, type ScoredPatch, selectPseudoLabels } from "../../src/method/index.js";

const mask = (...data: number[]): Mask => ({ width: data.length, height: 1, data: Uint8Array.from(data) });

/** Patches named a, b, c, … with the given scores. */
function scored(...scores: readonly number[]): ScoredPatch[] {
  return scores.map((idsScore, index) => ({ patch: { id: String.fromCharCode(97 + index) }, idsScore }));
}

function selected(scores: readonly number[], idsThreshold: number, minimumShare: number): string {
  return [...selectPseudoLabels(scored(...scores), { idsThreshold, minimumShare })].sort().join("");
}

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
  expect(selected([score], 0.9, 0)).toBe("a");
});

it("refuses masks of different sizes", () => {
  expect(() => idsScore(mask(1, 1), mask(1))).toThrow(EpSamError);
});

describe("the choice of pseudo-labels", () => {
  it("keeps the masks whose score reaches the threshold", () => {
    expect(selected([0.95, 0.9, 0.8999, 0.2], 0.9, 0)).toBe("ab");
  });

  it("may keep none", () => {
    expect(selected([0.5, 0.2], 0.9, 0)).toBe("");
    expect(selected([], 0.9, 0.5)).toBe("");
  });

  it("fills up to the minimum share with the best of the others", () => {
    expect(selected([0.3, 0.7, 0.95, 0.5], 0.9, 0.5)).toBe("bc");
    expect(selected([0.3, 0.7, 0.2, 0.5], 0.9, 0.25)).toBe("b");
    expect(selected([0.3, 0.7, 0.2, 0.5], 0.9, 0.26)).toBe("bd");
    expect(selected([0.3, 0.7, 0.2, 0.5], 0.9, 1)).toBe("abcd");
  });

  it("does not let the share limit what passes", () => {
    expect(selected([0.91, 0.92, 0.93, 0.1], 0.9, 0.25)).toBe("abc");
  });

  it("fills up exactly, the earlier of equal scores first", () => {
    expect(selected([0.5, 0.5, 0.5, 0.5], 0.9, 0.5)).toBe("ab");
  });

  it("never keeps an empty mask, which scores 0", () => {
    expect(selected([0, 0.4, 0], 0, 1)).toBe("b");
  });
});
