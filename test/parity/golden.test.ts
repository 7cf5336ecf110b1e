import { describe, expect, it } from "vitest";
import { compareSummary } from "../../scripts/parity/golden.js";
import { floatTensor } from "../../src/graph/index.js";

/** Far from a tensor of 256 zeros by 0.02 in each value, and so by 0.32 in its norm. */
const noise = floatTensor([256], new Float32Array(256).fill(0.02));
const zeros = { shape: [256], l2: 0, sum: 0, head: new Array<number>(8).fill(0) };

describe("a tensor of rounding noise against its summary", () => {
  it("is compared at the floor of its values, and of its norm", () => {
    expect(compareSummary("noise", noise, zeros, { values: 2, norm: 32 })).toBeCloseTo(0.01, 6);
    expect(compareSummary("noise", noise, zeros, { values: 0.2, norm: 32 })).toBeCloseTo(0.1, 6);
    expect(compareSummary("noise", noise, zeros, { values: 2, norm: 3.2 })).toBeCloseTo(0.1, 6);
  });

  it("is all wrong without floors", () => {
    expect(compareSummary("noise", noise, zeros)).toBe(Number.POSITIVE_INFINITY);
  });
});
