import { describe, expect, it } from "vitest";
import { readPlace, typedPlace } from "../../src/web/slide/go-to.js";

const plane = { size: { width: 12_000, height: 8000 }, micronsPerPixel: { x: 0.5, y: 0.25 } };

describe("coordinates that are typed", () => {
  it.each([
    [{ x: "1200", y: "340.5", unit: "px" }, [1200, 340.5]],
    [{ x: "12 000", y: "8\u202f000", unit: "px" }, [12_000, 8000]],
    [{ x: "600", y: "100,25", unit: "µm" }, [1200, 401]],
    [{ x: "0", y: ".5", unit: "µm" }, [0, 2]],
    [{ x: "6000", y: "2000", unit: "µm" }, [12_000, 8000]],
  ] as const)("%j are a place on the slide", (typed, position) => {
    expect(readPlace(typed, plane)).toEqual({ position });
  });

  it("are told from what is none, or not on the slide, each by itself", () => {
    expect(readPlace({ x: "12001", y: "7", unit: "px" }, plane)).toEqual({
      errors: { x: "Give a number from 0 to 12000 px." },
    });
    expect(readPlace({ x: "", y: "-3", unit: "µm" }, plane)).toEqual({
      errors: { x: "Give a number from 0 to 6000 µm.", y: "Give a number from 0 to 2000 µm." },
    });
    expect(readPlace({ x: "1,200", y: "1", unit: "px" }, plane)).toEqual({
      errors: { x: "Write thousands without a comma, and decimals with a point." },
    });
    for (const x of ["1e3", "NaN", "1,200.5", "0x10", "five"]) {
      expect(readPlace({ x, y: "1", unit: "px" }, plane)).toHaveProperty("errors.x");
    }
  });

  it("are the same place in the other unit", () => {
    expect(typedPlace([1200, 401], "µm", plane)).toEqual({ x: "600", y: "100.25", unit: "µm" });
    expect(typedPlace([1200.004, 401], "px", plane)).toEqual({ x: "1200", y: "401", unit: "px" });
  });
});
