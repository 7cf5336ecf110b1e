import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { encodeGraph } from "../../src/graph/encode.js";
import {
  add,
  batchNorm,
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

/** Runs both targets' nodes on the CPU. */
async function expectEqualTargets(
  parameters: Readonly<Record<string, Value>>,
  outputs: Readonly<Record<string, Value>>,
): Promise<void> {
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
}

describe("sums with a convolution or batch normalisation", () => {
  it("are taken over by the convolution on the CPU, and give what the GPU's nodes give", async () => {
    const { parameters, outputs } = residualBlock();
    expect(operatorsOf(outputs, "cpu").filter((name) => name === "FusedConv")).toHaveLength(1);
    expect(operatorsOf(outputs, "gpu")).not.toContain("FusedConv");
    await expectEqualTargets(parameters, outputs);
  });

  it("are made in a copy of their base where something later reads that, too", async () => {
    const [x, weight, bias] = [
      parameter("x", [2, 3, 5, 4]),
      parameter("weight", [3]),
      parameter("bias", [3]),
    ];
    const y = add(x, batchNorm(scale(x, 2), weight, bias, 1e-5));
    // Of the two gradients that meet in x, the shortcut's is read after batch normalisation's gradient was added to it.
    const [forX] = gradients(sum(multiply(y, y)), [x]);
    if (forX === undefined) throw new RangeError("the gradient is missing");
    const copies = (outputs: Readonly<Record<string, Value>>) =>
      operatorsOf(outputs, "cpu").filter((name) => name === "LeakyRelu").length;
    expect(copies({ y })).toBe(0);
    expect(copies({ product: multiply(y, x) })).toBe(1);
    expect(copies({ forX })).toBe(1);
    expect(operatorsOf({ forX }, "gpu")).not.toContain("LeakyRelu");
    await expectEqualTargets({ x, weight, bias }, { y, forX });
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
