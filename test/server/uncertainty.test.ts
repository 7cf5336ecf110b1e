import { describe, expect, it } from "vitest";
import { maskDisagreement, mostUncertain, uncertaintyOf } from "../../src/server/learning/uncertainty.js";

function mask(...data: number[]) {
  return { width: data.length, height: 1, data: Uint8Array.from(data) };
}

describe("uncertainty of a patch", () => {
  it("is the mean of 1 − IDS score and disagreement, of those known", () => {
    expect(uncertaintyOf({ idsScore: 0.8, disagreement: 0.6 })).toBeCloseTo(0.4, 12);
    expect(uncertaintyOf({ idsScore: 0.8, disagreement: null })).toBeCloseTo(0.2, 12);
    expect(uncertaintyOf({ idsScore: null, disagreement: 0.6 })).toBe(0.6);
    expect(uncertaintyOf({ idsScore: null, disagreement: null })).toBeNull();
  });

  it("orders patches, the most uncertain first, leaves out the unknown and keeps the order of equal ones", () => {
    const patches = [
      { patch: "sure", idsScore: 1, disagreement: 0 },
      { patch: "unknown", idsScore: null, disagreement: null },
      { patch: "first", idsScore: 0.5, disagreement: 0.5 },
      { patch: "second", idsScore: 0.5, disagreement: 0.5 },
      { patch: "worst", idsScore: 0, disagreement: 1 },
    ];
    const order = mostUncertain(patches).map(({ patch }) => patch);
    expect(order).toEqual(["worst", "first", "second", "sure"]);
    expect(mostUncertain(patches, 2).map(({ uncertainty }) => uncertainty)).toEqual([1, 0.5]);
  });

  it("takes 1 − IoU as the disagreement of masks, whatever number is foreground", () => {
    expect(maskDisagreement(mask(0, 1, 1, 0), mask(0, 255, 0, 255))).toBeCloseTo(2 / 3, 12);
    expect(maskDisagreement(mask(1, 1), mask(1, 1))).toBe(0);
    expect(maskDisagreement(mask(1, 0), mask(0, 1))).toBe(1);
    expect(maskDisagreement(mask(0, 0), mask(0, 0))).toBe(0);
    expect(maskDisagreement(mask(1), mask(1, 1))).toBeNull();
  });
});
