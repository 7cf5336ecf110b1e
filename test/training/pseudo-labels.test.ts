import { describe, expect, it } from "vitest";
import type { PatchRecord } from "../../src/dataset/index.js";
import { type ScoredPatch, selectPseudoLabels } from "../../src/training/pseudo-labels.js";

/** Patches named a, b, c, … with the given scores. */
function scored(...scores: readonly number[]): ScoredPatch[] {
  return scores.map((idsScore, index) => {
    const id = String.fromCharCode(97 + index);
    const patch: PatchRecord = {
      id,
      slide: id,
      patient: id,
      x: null,
      y: null,
      level: null,
      mpp: null,
      label: 1,
      tumourFraction: null,
      split: "train",
      imagePath: `${id}.png`,
      maskPath: null,
    };
    return { patch, idsScore };
  });
}

function selected(scores: readonly number[], idsThreshold: number, minimumShare: number): string {
  return [...selectPseudoLabels(scored(...scores), { idsThreshold, minimumShare })].sort().join("");
}

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
