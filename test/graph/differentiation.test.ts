import { describe, expect, it } from "vitest";
import { ancestors } from "../../src/graph/ancestors.js";
import {
  add,
  conv2d,
  device,
  floats,
  floatsOf,
  GraphSession,
  gradients,
  input,
  matmul,
  multiply,
  parameter,
  relu,
  scale,
  sign,
  sum,
  type Value,
} from "../../src/graph/index.js";
import { apply, defineOperation } from "../../src/graph/operation.js";

/** Evaluates values whose only operand is a vector `x`. */
async function evaluate(values: Record<string, Value>, x: readonly number[]) {
  const session = await GraphSession.create(values, device("cpu", 1));
  const feed = { dataType: "float32", shape: [x.length], data: Float32Array.from(x) } as const;
  const results = await session.run({ x: feed });
  await session.close();
  return (name: string): number[] => [...floatsOf(results, name)];
}

function required(gradient: Value | undefined): Value {
  if (gradient === undefined) throw new Error("the test expects a gradient");
  return gradient;
}

const operationCount = (value: Value, name: string): number =>
  ancestors([value]).filter(({ source }) => source.kind === "operation" && source.operation.name === name)
    .length;

describe("gradients", () => {
  it("are undefined for values that take no part in the loss", async () => {
    const [used, unused] = [input("x", [2]), parameter("unused", [2])];
    const alsoUnused = multiply(used, unused);
    const [first, second, third] = gradients(sum(multiply(used, used)), [used, unused, alsoUnused]);
    expect([second, third]).toEqual([undefined, undefined]);
    expect((await evaluate({ first: required(first) }, [1, -2]))("first")).toEqual([2, -4]);
  });

  it("are undefined behind an operation whose derivative is zero", async () => {
    const x = input("x", [3]);
    expect(gradients(sum(sign(x)), [x])).toEqual([undefined]);
    const [gradient] = gradients(sum(add(x, scale(sign(x), 3))), [x]);
    expect((await evaluate({ gradient: required(gradient) }, [1, -2, 0]))("gradient")).toEqual([1, 1, 1]);
  });

  it("add up over every use of a value", async () => {
    const x = input("x", [2]);
    const loss = sum(add(multiply(x, x), add(x, scale(x, 3))));
    const result = await evaluate({ gradient: required(gradients(loss, [x])[0]) }, [1, -2]);
    expect(result("gradient")).toEqual([2 * 1 + 4, 2 * -2 + 4]);
  });

  it("flow once through a shared subexpression, however often it is used", async () => {
    const x = input("x", [2]);
    const shared = relu(x);
    const gradient = required(gradients(sum(multiply(shared, scale(shared, 2))), [x])[0]);
    expect(operationCount(gradient, "isPositive")).toBeLessThanOrEqual(1);
    const result = await evaluate({ gradient }, [3, -1]);
    expect(result("gradient")).toEqual([12, 0]);
  });

  it("reach values in the middle of the graph, and the loss itself", async () => {
    const x = input("x", [2]);
    const middle = scale(x, 5);
    const loss = sum(multiply(middle, middle));
    const [ofX, ofMiddle, ofLoss] = gradients(loss, [x, middle, loss]).map(required);
    const values = { x: required(ofX), middle: required(ofMiddle), loss: required(ofLoss) };
    const result = await evaluate(
      Object.fromEntries(Object.entries(values).map(([name, value]) => [`d/d ${name}`, value])),
      [1, 2],
    );
    expect(result("d/d middle")).toEqual([10, 20]);
    expect(result("d/d x")).toEqual([50, 100]);
    expect(result("d/d loss")).toEqual([1]);
  });

  it("can be differentiated again", async () => {
    const x = input("x", [3]);
    const first = required(gradients(sum(multiply(x, multiply(x, x))), [x])[0]);
    const second = required(gradients(sum(first), [x])[0]);
    const result = await evaluate({ first, second }, [1, 2, -3]);
    expect(result("first")).toEqual([3, 12, 27]);
    expect(result("second")).toEqual([6, 12, -18]);
  });

  it("are built only for operands that lead to what is asked for", () => {
    const [x, weight] = [input("x", [1, 3, 8, 8]), parameter("weight", [2, 3, 3, 3])];
    const loss = sum(conv2d(x, weight));
    const ofWeight = required(gradients(loss, [weight])[0]);
    expect(operationCount(ofWeight, "conv2d")).toBe(0);
    expect(operationCount(ofWeight, "conv2dWeightGradient")).toBeGreaterThan(0);
    const ofX = required(gradients(loss, [x])[0]);
    expect(operationCount(ofX, "conv2dWeightGradient")).toBe(0);
  });

  it("survive a chain of 5,000 operations", async () => {
    const x = input("x", [2]);
    let value: Value = x;
    for (let step = 0; step < 5000; step++) value = add(value, floats(0.001));
    const loss = sum(multiply(value, value));
    const result = await evaluate({ value, gradient: required(gradients(loss, [x])[0]) }, [1, 2]);
    expect(result("value")[0]).toBeCloseTo(6, 2);
    expect(result("gradient")[1]).toBeCloseTo(14, 2);
  });

  it("survive a chain of 2,000 operations that each have a backward step", async () => {
    const x = input("x", [2]);
    let value: Value = x;
    for (let step = 0; step < 2000; step++) value = multiply(value, floats(step % 2 === 0 ? 2 : 0.5));
    const result = await evaluate({ gradient: required(gradients(sum(value), [x])[0]) }, [1, 2]);
    expect(result("gradient")).toEqual([1, 1]);
  });

  it("name an operation that has no rule", () => {
    const complete = defineOperation<Readonly<Record<string, never>>>({
      name: "unfinished",
      infer: ([x]) => ({ shape: x?.shape ?? [], dataType: "float32" }),
      lower: (context, inputs) => context.node("Identity", inputs),
      gradient: null,
    });
    const { gradient: _, ...withoutRule } = complete;
    const x = input("x", []);
    const value = apply(withoutRule as typeof complete, [x], {});
    expect(() => gradients(value, [x])).toThrowError(/unfinished.*no gradient rule/);
  });

  it("of a matrix product are matrix products", () => {
    const [a, b] = [parameter("a", [2, 3]), parameter("b", [3, 4])];
    const gradient = required(gradients(sum(matmul(a, b)), [a])[0]);
    expect(operationCount(gradient, "transpose")).toBe(0);
    expect(gradient.shape).toEqual([2, 3]);
  });
});
