import { describe, expect, it } from "vitest";
import { ancestors } from "../../src/graph/ancestors.js";
import { type OperationName, registry } from "../../src/graph/index.js";
import { channelCases, channelCompositeCases } from "./cases/channels.js";
import { elementwiseCases, elementwiseCompositeCases } from "./cases/elementwise.js";
import { orderingCases } from "./cases/ordering.js";
import { poolingCases } from "./cases/pooling.js";
import { productCases } from "./cases/products.js";
import { reductionCases, reductionCompositeCases } from "./cases/reductions.js";
import { shapeCases, shapeCompositeCases } from "./cases/shapes.js";
import { checkCases } from "./support/check-cases.js";
import type { OperationCase } from "./support/operation-case.js";

/** At least one case for each registered operation; the type fails to compile when one is missing. */
const cases: Record<OperationName, readonly OperationCase[]> = {
  ...elementwiseCases,
  ...shapeCases,
  ...reductionCases,
  ...channelCases,
  ...productCases,
  ...poolingCases,
  ...orderingCases,
};

const compositeCases: Readonly<Record<string, readonly OperationCase[]>> = {
  ...elementwiseCompositeCases,
  ...shapeCompositeCases,
  ...reductionCompositeCases,
  ...channelCompositeCases,
};

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
