import { describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import type { FloatTensor } from "../../src/graph/index.js";
import { matchStateDict, type StoredTensor, stateDictOf } from "../../src/models/weights/index.js";

const zeros = (...shape: number[]): FloatTensor => ({
  dataType: "float32",
  shape,
  data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)),
});
const expected = [
  { name: "conv.weight", shape: [2, 1, 3, 3] },
  { name: "conv.bias", shape: [2] },
];
const file = "run/decoder.safetensors";

describe("matching a state dict", () => {
  it("returns the expected tensors in the expected order", () => {
    const actual = new Map([
      ["conv.bias", zeros(2)],
      ["conv.weight", zeros(2, 1, 3, 3)],
    ]);
    const matched = matchStateDict(expected, actual, { file });
    expect([...matched.keys()]).toEqual(["conv.weight", "conv.bias"]);
    expect(matched.get("conv.bias")).toBe(actual.get("conv.bias"));
  });

  it("reports everything missing, surplus and misshaped at once", () => {
    const actual = new Map([
      ["conv.weight", zeros(2, 1, 9)],
      ["fc.weight", zeros(1)],
    ]);
    let thrown: unknown;
    try {
      matchStateDict(expected, actual, { file });
    } catch (error) {
      thrown = error;
    }
    expect(isEpSamError(thrown, "weights")).toBe(true);
    const text = String(thrown);
    expect(text).toContain(file);
    expect(text).toContain("1 missing: conv.bias");
    expect(text).toContain("1 surplus: fc.weight");
    expect(text).toContain("conv.weight is [2, 1, 9] but should be [2, 1, 3, 3]");
  });

  it("counts what it does not list", () => {
    const surplus = new Map(Array.from({ length: 20 }, (_, index) => [`extra.${index}`, zeros(1)] as const));
    expect(() => matchStateDict([], surplus, { file })).toThrow(/20 surplus: .*and 8 more/);
  });

  it("takes only floating-point tensors from a file", () => {
    const steps: StoredTensor = { dataType: "int64", shape: [], data: BigInt64Array.of(3n) };
    expect(() => stateDictOf(new Map([["bn1.num_batches_tracked", steps]]), { file })).toThrow(
      /bn1\.num_batches_tracked \(int64\)/,
    );
    expect(stateDictOf(new Map([["w", zeros(1)]]), { file }).get("w")?.shape).toEqual([1]);
  });
});
