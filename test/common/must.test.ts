import { describe, expect, it } from "vitest";
import { isEpSamError, must, signed } from "../../src/common/index.js";

describe("what must be there", () => {
  it("is found in maps and lists, zeros and empty texts included", () => {
    expect(must(new Map([["a", 0]]), "a")).toBe(0);
    expect(must(["", "b"], 0)).toBe("");
    expect(must(Float32Array.of(1, 2), 1)).toBe(2);
  });

  it("is a bug when it is missing", () => {
    for (const look of [() => must(new Map(), "a", "weight"), () => must([1], 1, "weight")]) {
      expect(look).toThrowError(/there is no weight/);
      expect(look).toThrowError(expect.toSatisfy((thrown) => isEpSamError(thrown, "internal")));
    }
    expect(() => must(new Map(), "a")).toThrowError("a: there is no entry");
  });
});

describe("a difference with its sign", () => {
  it("has none when it rounds to zero", () => {
    expect([0.1, -0.02, 0.0004, -0.0004, 0].map((value) => signed(value))).toEqual([
      "+0.100",
      "-0.020",
      "0.000",
      "0.000",
      "0.000",
    ]);
    expect(signed(-0.5, "−")).toBe("−0.500");
  });
});
