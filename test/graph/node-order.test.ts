import { expect, it } from "vitest";
import { encodeGraph } from "../../src/graph/encode.js";
import { add, decodeModel, gradients, matmul, parameter, sum } from "../../src/graph/index.js";

it("puts results that nothing else reads last, in the outputs' order, so that the runtime frees what they are made of", () => {
  const layers = ["first", "second", "third"].map((name) => parameter(name, [4, 4]));
  let x = parameter("x", [2, 4]);
  for (const weight of layers) x = add(x, matmul(x, weight));
  // Made from the last layer to the first, and returned from the first to the last.
  const [first, second, third] = gradients(sum(x), layers);
  if (first === undefined || second === undefined || third === undefined) throw new RangeError("no gradient");
  const outputs = { loss: sum(x), first, second, third, x };
  const { node } = decodeModel(encodeGraph(renamed(outputs)).bytes).graph;
  const results = node.flatMap(({ output }) => output);
  const gradientsLast = ["result first", "result second", "result third"];
  expect(results.slice(-gradientsLast.length)).toEqual(gradientsLast);
  // What something else reads stays before that.
  expect(results.indexOf("result x")).toBeLessThan(results.indexOf("result loss"));
});

function renamed<Of>(outputs: Readonly<Record<string, Of>>): Record<string, Of> {
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [`result ${name}`, value]));
}
