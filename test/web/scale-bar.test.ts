import { describe, expect, it } from "vitest";
import {
  areaText,
  lengthText,
  magnificationOf,
  magnificationText,
  scaleBar,
  withSeparators,
} from "../../src/web/viewer/scale-bar.js";

describe("scale bar", () => {
  it.each([
    [1, 0.25, 140, 80, "20 µm"],
    [0.05, 0.25, 140, 100, "500 µm"],
    [0.01, 0.25, 140, 80, "2 mm"],
    [0.001, 0.25, 140, 80, "20 mm"],
    [20, 0.25, 140, 80, "1 µm"],
  ])("at zoom %d and %d µm/px has at most %d pixels", (zoom, microns, longest, length, label) => {
    const bar = scaleBar(zoom, microns, longest);
    expect(bar.label).toBe(label);
    expect(bar.length).toBeCloseTo(length, 9);
  });

  it("is in pixels where the resolution is unknown, and never shorter than one", () => {
    expect(scaleBar(0.5, null, 140)).toEqual({ length: 100, label: "200 px" });
    expect(scaleBar(200, null, 140)).toEqual({ length: 200, label: "1 px" });
  });
});

describe("figures", () => {
  it("writes lengths and areas in units of their size", () => {
    expect(lengthText(0.5)).toBe("0.5 µm");
    expect(lengthText(123.456)).toBe("123 µm");
    expect(lengthText(12_345)).toBe("12.3 mm");
    expect(areaText(1494)).toBe("1\u202f494 µm²");
    expect(areaText(43_300)).toBe("0.0433 mm²");
  });

  it("groups thousands", () => {
    expect(withSeparators(1_234_567.4)).toBe("1\u202f234\u202f567");
    expect(withSeparators(999)).toBe("999");
  });

  it("tells what an objective would show", () => {
    expect(magnificationOf(1, 0.25, null)).toBe(40);
    expect(magnificationOf(0.5, 0.5, 40)).toBe(10);
    expect(magnificationOf(0.5, null, 20)).toBe(10);
    expect(magnificationOf(1, null, null)).toBeNull();
    expect(magnificationText(7.24)).toBe("7.2×");
    expect(magnificationText(60)).toBe("60×");
  });
});
