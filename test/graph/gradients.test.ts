import { describe, expect, it } from "vitest";
import { ancestors } from "../../src/graph/ancestors.js";
import { type OperationName, registry } from "../../src/graph/index.js";
import { cases, compositeCases } from "./cases/index.js";
import { checkCases } from "./support/check-cases.js";

const names = Object.keys(registry) as OperationName[];

describe("every registered operation", () => {
  it.each(names)("%s is named as registered and has at least two cases", (name) => {
    expect(registry[name].name).toBe(name);
    expect(cases[name]?.length ?? 0).toBeGreaterThanOrEqual(2);
  });

  it.each(names)("%s agrees with the reference in values and gradients", async (name) => {
    const zeroGradient = registry[name].gradient === null;
    const results = await checkCases(name, cases[name], zeroGradient ? "gradient is zero" : "differentiable");
    for (const result of results) {
      const used = ancestors([result]).map(({ source }) =>
        source.kind === "operation" ? source.operation.name : source.kind,
      );
      expect(used, "the case uses the operation it stands for").toContain(name);
    }
  });
});

describe("functions composed of operations", () => {
  it.each(Object.keys(compositeCases))("%s agrees with the reference", async (name) => {
    await checkCases(name, compositeCases[name] ?? [], "differentiable");
  });
});
