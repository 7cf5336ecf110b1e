import { expect, it } from "vitest";
import { encodeGraph } from "../../src/graph/encode.js";
import { add, decodeModel, gradients, matmul, parameter, sum, type Value } from "../../src/graph/index.js";
import { gradientOutputs } from "../../src/nn/host-updated-session.js";

/** The results of the nodes, in the order in which the runtime is given them. */
function results(outputs: Readonly<Record<string, Value>>): string[] {
  return decodeModel(encodeGraph(outputs).bytes).graph.node.flatMap(({ output }) => output);
}

it("has the gradients' nodes last and in the order of the layers, so that the runtime frees what they are made of", () => {
  const layers = ["first", "second", "third"].map((name) => parameter(name, [4, 4]));
  let x = parameter("x", [2, 4]);
  for (const weight of layers) x = add(x, matmul(x, weight));
  const loss = sum(x);
  const [first, second, third] = gradients(loss, layers);
  if (first === undefined || second === undefined || third === undefined) throw new RangeError("no gradient");
  // By themselves they are made from the last layer to the first.
  const made = results({ loss, one: first, two: second, three: third });
  expect(made.indexOf("three")).toBeLessThan(made.indexOf("one"));
  const named = new Map(Object.entries({ first, second, third }));
  const ordered = results({ loss, ...gradientOutputs(named) });
  expect(ordered.slice(-3)).toEqual(["gradient:first", "gradient:second", "gradient:third"]);
});
