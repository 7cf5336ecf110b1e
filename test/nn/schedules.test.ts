import { describe, expect, it } from "vitest";
import { constantSchedule, cosineSchedule, stepSchedule } from "../../src/nn/index.js";

describe("learning-rate schedules", () => {
  it("the cosine's period is counted in epochs, the unit it is stepped in", () => {
    const rate = cosineSchedule(1, 20);
    expect(rate(0)).toBeCloseTo(1, 12);
    expect(rate(10)).toBeCloseTo(0.5, 12);
    expect(rate(20)).toBeCloseTo(0, 12);
    expect(rate(25)).toBeCloseTo(0, 12);
  });

  it("the cosine ends at its minimum and never rises", () => {
    const rate = cosineSchedule(1e-3, 7, 1e-5);
    const rates = Array.from({ length: 8 }, (_, epoch) => rate(epoch));
    expect(rates.at(-1)).toBeCloseTo(1e-5, 12);
    expect(rates.every((value, epoch) => epoch === 0 || value < (rates[epoch - 1] ?? 0))).toBe(true);
  });

  it("the step schedule multiplies after every period", () => {
    const rate = stepSchedule(2, 10, 0.9);
    expect([rate(0), rate(9), rate(10), rate(29)]).toEqual([2, 2, 1.8, 2 * 0.9 ** 2]);
  });

  it("a constant rate stays", () => {
    expect(constantSchedule(3)(100)).toBe(3);
  });
});
