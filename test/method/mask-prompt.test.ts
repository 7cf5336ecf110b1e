import { describe, expect, it } from "vitest";
import type { GreyImage } from "../../src/imaging/index.js";
import { activationLogits, initialMask } from "../../src/method/index.js";

const levels: GreyImage = {
  width: 16,
  height: 16,
  data: Uint8Array.from({ length: 256 }, (_, index) => (index * 7) % 201),
};

describe("activation maps as mask prompts", () => {
  it.each([
    { profile: "camelyon17" as const, threshold: 0.2, openingSize: 1 },
    { profile: "camelyon17" as const, percentile: 40, openingSize: 1 },
  ])("are foreground exactly where the initial mask is, for %o", async (options) => {
    const { data } = activationLogits(levels, options);
    const mask = await initialMask(levels, levels, options);
    expect(Array.from(data, (logit) => (logit > 0 ? 1 : 0))).toEqual([...mask.data]);
    expect(mask.data).toContain(0);
    expect(mask.data).toContain(1);
  });

  it("span ten logits, in proportion to the activation", () => {
    const { data } = activationLogits(levels, { profile: "camelyon17", threshold: 0.25 });
    expect(Math.min(...data)).toBeCloseTo(-2.5, 5);
    expect(Math.max(...data)).toBeCloseTo(7.5, 5);
    expect((data[3] ?? 0) - (data[2] ?? 0)).toBeCloseTo((10 * 7) / 200, 5);
  });

  it("are background without contrast", () => {
    const flat = { ...levels, data: new Uint8Array(256).fill(80) };
    expect(new Set(activationLogits(flat, { profile: "camelyon17" }).data)).toEqual(new Set([-10]));
  });
});
