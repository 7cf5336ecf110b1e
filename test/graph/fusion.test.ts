import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../src/common/index.js";
import { encodeGraph } from "../../src/graph/encode.js";
import {
  add,
  conv2d,
  decodeModel,
  device,
  elementCount,
  floatTensor,
  GraphSession,
  gradients,
  multiply,
  parameter,
  scale,
  sum,
  type Value,
} from "../../src/graph/index.js";

/** Gradients of a residual block, x + conv(x): the image's is the sum of a convolution and the block's own. */
function residualBlock() {
  const parameters = {
    x: parameter("x", [2, 3, 5, 4]),
    weight: parameter("weight", [3, 3, 3, 3]),
  };
  const y = add(parameters.x, conv2d(parameters.x, parameters.weight, { padding: 1 }));
  const [forX, forWeight] = gradients(sum(multiply(y, y)), Object.values(parameters));
  if (forX === undefined || forWeight === undefined) throw new RangeError("a gradient is missing");
  return { parameters, outputs: { forX, forWeight } };
}

function operatorsOf(outputs: Readonly<Record<string, Value>>, target: "cpu" | "gpu"): string[] {
  return decodeModel(encodeGraph(outputs, { target }).bytes).graph.node.map(({ opType }) => opType);
}

describe("sums with a convolution", () => {
  it("are taken over by the convolution on the CPU, and give what the GPU's nodes give", async () => {
    const { parameters, outputs } = residualBlock();
    expect(operatorsOf(outputs, "cpu").filter((name) => name === "FusedConv")).toHaveLength(1);
    expect(operatorsOf(outputs, "gpu")).not.toContain("FusedConv");
    const feeds = Object.fromEntries(
      Object.entries(parameters).map(([name, { shape }]) => [
        name,
        floatTensor(shape, deterministicUniform(name, elementCount(shape), -1, 1)),
      ]),
    );
    const [fused, plain] = await Promise.all(
      (["cpu", "gpu"] as const).map(async (target) => {
        const session = await GraphSession.create(outputs, device("cpu", 1), { target });
        const results = await session.run(feeds);
        await session.close();
        return results;
      }),
    );
    for (const name of Object.keys(outputs)) {
      const [values, expected] = [fused?.[name]?.data ?? [], plain?.[name]?.data ?? []];
      expect(values).toHaveLength(expected.length);
      values.forEach((value, index) => {
        expect(Number(value)).toBeCloseTo(Number(expected[index]), 4);
      });
    }
  });

  it("stay where something else reads the convolution's result, or it is returned", () => {
    const [x, base, weight] = [
      parameter("x", [1, 2, 3, 3]),
      parameter("base", [1, 2, 3, 3]),
      parameter("weight", [2, 2, 1, 1]),
    ];
    const y = conv2d(x, scale(weight, 2));
    const total = add(base, y);
    expect(operatorsOf({ total }, "cpu")).toContain("FusedConv");
    expect(operatorsOf({ total, y }, "cpu")).not.toContain("FusedConv");
    expect(operatorsOf({ total: multiply(total, y) }, "cpu")).not.toContain("FusedConv");
  });
});
