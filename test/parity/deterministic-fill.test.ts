import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";

describe("deterministicUniform", () => {
  it("gives the published first draws of a known name", () => {
    const expected = [0.538215319858864, 0.23204231169074774, 0.5852044690400362];
    expect([...deterministicUniform("layer1.0.conv1.weight", 3, 0, 1)]).toEqual(expected.map(Math.fround));
  });

  it("scales the draws in double precision before rounding to float32", () => {
    const [first] = deterministicUniform("layer1.0.conv1.weight", 1, -0.1, 0.1);
    expect(first).toBe(Math.fround(-0.1 + (0.1 - -0.1) * 0.538215319858864));
  });

  it("does not depend on the length asked for", () => {
    const long = deterministicUniform("x", 100, 0, 1);
    expect(deterministicUniform("x", 10, 0, 1)).toEqual(long.slice(0, 10));
    expect(deterministicUniform("y", 10, 0, 1)).not.toEqual(long.slice(0, 10));
  });
});
