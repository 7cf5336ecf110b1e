import { describe, expect, it } from "vitest";
import {
  device,
  floats,
  floatsOf,
  floatTensor,
  GraphSession,
  gradients,
  parameter,
  type Value,
} from "../../src/graph/index.js";
import {
  attention,
  binaryCrossEntropyWithLogits,
  frozenParameters,
  layerNorm,
  layerNorm2d,
  linear,
  lookupWithin,
  multilayerPerceptron,
  overlapLosses,
  ParameterSet,
} from "../../src/nn/index.js";

async function evaluate(value: Value): Promise<number[]> {
  const session = await GraphSession.create({ result: value }, device());
  const result = floatsOf(await session.run({}), "result");
  await session.close();
  return [...result];
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 5);
}

const weights = (entries: Readonly<Record<string, readonly [shape: number[], data: number[]]>>) =>
  frozenParameters(
    new Map(
      Object.entries(entries).map(([name, [shape, data]]) => [
        name,
        floatTensor(shape, Float32Array.from(data)),
      ]),
    ),
  );

describe("parameters", () => {
  it("gives one value per name and refuses another shape", () => {
    const parameters = new ParameterSet();
    const within = lookupWithin((name, shape) => parameters.get(name, shape), "block");
    expect(within("weight", [2, 3])).toBe(parameters.get("block.weight", [2, 3]));
    expect([...parameters.all().keys()]).toEqual(["block.weight"]);
    expect(() => parameters.get("block.weight", [3, 2])).toThrow(/block\.weight.*\[2, 3\].*\[3, 2\]/);
  });

  it("gives frozen weights as constants and names what is missing or misshaped", () => {
    const frozen = lookupWithin(weights({ "a.bias": [[2], [1, 2]] }), "a");
    expect(frozen("bias", [2]).source.kind).toBe("constant");
    expect(frozen("bias", [2])).toBe(frozen("bias", [2]));
    expect(() => frozen("weight", [2])).toThrow(/a\.weight.*missing/);
    expect(() => frozen("bias", [3])).toThrow(/a\.bias.*\[2\].*\[3\]/);
  });
});

describe("layers", () => {
  it("linear keeps the leading axes", async () => {
    const lookup = weights({
      weight: [
        [1, 2],
        [2, -1],
      ],
      bias: [[1], [0.5]],
    });
    const result = linear(lookup, floats([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2]), 1);
    expect(result.shape).toEqual([2, 2, 1]);
    expectClose(await evaluate(result), [0.5, 2.5, 4.5, 6.5]);
  });

  it("the perceptron has ReLU between its layers but not at the end", async () => {
    const lookup = weights({
      "layers.0.weight": [
        [2, 1],
        [1, -1],
      ],
      "layers.0.bias": [[2], [0, 0]],
      "layers.1.weight": [
        [1, 2],
        [-1, -1],
      ],
      "layers.1.bias": [[1], [0]],
    });
    expectClose(await evaluate(multilayerPerceptron(lookup, floats([3, -2], [2, 1]), [2, 1])), [-3, -2]);
  });

  it("layer norm standardises rows, its two-dimensional form the channels of each pixel", async () => {
    const lookup = weights({ weight: [[2], [1, 2]], bias: [[2], [0, 1]] });
    expectClose(await evaluate(layerNorm(lookup, floats([1, 3, 10, 6], [2, 2]), 0)), [-1, 3, 1, -1]);
    const pixels = floats([1, 10, 3, 6], [1, 2, 1, 2]);
    expectClose(await evaluate(layerNorm2d(lookup, pixels, 0)), [-1, 1, 3, -1]);
    expectClose(await evaluate(layerNorm(lookup, floats([1, 3], [1, 2]), 3)), [-0.5, 2]);
  });

  it("attention agrees with the formula, whichever side is longer", async () => {
    const lookup = weights(
      Object.fromEntries(
        ["q_proj", "k_proj", "v_proj", "out_proj"].flatMap((name) => [
          [
            `${name}.weight`,
            [
              [2, 2],
              [1, 0, 0, 1],
            ] as [number[], number[]],
          ],
          [`${name}.bias`, [[2], [0, 0]] as [number[], number[]]],
        ]),
      ),
    );
    const short = [1, 2];
    const long = [0.5, -1, 2, 0, 1, 1];
    for (const [queries, keys] of [
      [short, long],
      [long, short],
    ] as const) {
      const result = attention(
        lookup,
        {
          queries: floats(queries, [1, queries.length / 2, 2]),
          keys: floats(keys, [1, keys.length / 2, 2]),
          values: floats(keys, [1, keys.length / 2, 2]),
        },
        { heads: 2, innerWidth: 2 },
      );
      // Two heads of width 1: each column is attended to by itself, with factor 1.
      expectClose(await evaluate(result), columnwiseAttention(queries, keys));
    }
  });
});

function columnwiseAttention(queries: readonly number[], keys: readonly number[]): number[] {
  return queries.map((query, index) => {
    const column = keys.filter((_, position) => position % 2 === index % 2);
    const exponentials = column.map((key) => Math.exp(query * key));
    const total = exponentials.reduce((a, b) => a + b, 0);
    return column.reduce(
      (result, key, position) => result + (key * (exponentials[position] ?? 0)) / total,
      0,
    );
  });
}

describe("losses", () => {
  it("binary cross-entropy stays finite for large logits", async () => {
    const logits = floats([0, 2, -100, 100], [4]);
    const expected = (Math.log(2) + Math.log(1 + Math.exp(2)) - 2 + 100 + 0) / 4;
    expectClose(await evaluate(binaryCrossEntropyWithLogits(logits, floats([0, 1, 1, 1], [4]))), [expected]);
    expect(() => binaryCrossEntropyWithLogits(logits, floats([1], [1]))).toThrow(/\[4\].*\[1\]/);
  });

  it("Dice and IoU losses average over the images; two empty masks agree", async () => {
    const logits = floats([40, 40, -40, -40, -40, -40, -40, -40], [2, 1, 2, 2]);
    const target = floats([1, 0, 1, 0, 0, 0, 0, 0], [2, 1, 2, 2]);
    const { dice, iou } = overlapLosses(logits, target);
    expectClose(await evaluate(dice), [1 - ((2 * 1 + 1e-3) / (4 + 1e-3) + 1) / 2]);
    expectClose(await evaluate(iou), [1 - ((1 + 1e-3) / (3 + 1e-3) + 1) / 2]);
    expect(() => overlapLosses(logits, floats([1], [1]))).toThrow(/overlapLosses/);
  });

  it("Dice and IoU losses pull logits towards the target", async () => {
    const logits = parameter("logits", [1, 2]);
    const { dice, iou } = overlapLosses(logits, floats([1, 0], [1, 2]));
    const [diceSlope, iouSlope] = [gradients(dice, [logits])[0], gradients(iou, [logits])[0]];
    if (diceSlope === undefined || iouSlope === undefined) throw new Error("no gradient");
    const session = await GraphSession.create({ diceSlope, iouSlope }, device());
    const results = await session.run({ logits: floatTensor([1, 2]) });
    await session.close();
    for (const name of ["diceSlope", "iouSlope"]) {
      const [inside = 0, outside = 0] = floatsOf(results, name);
      expect(inside).toBeLessThan(0);
      expect(outside).toBeGreaterThan(0);
    }
  });
});
