import { expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  add,
  decodeModel,
  device,
  divide,
  elementCount,
  encodeGraph,
  floats,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  type Shape,
  subtract,
  sum,
  type Value,
} from "../../src/graph/index.js";

// What the CPU computes in another way from some size on.

const random = new RandomStream(0, "large shapes");
const drawn = (shape: Shape) =>
  floatTensor(
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => random.uniform(-1, 1)),
  );

async function resultOf(y: Value, feeds: Record<string, ReturnType<typeof drawn>>): Promise<Float32Array> {
  const session = await GraphSession.create({ y }, device("cpu", 2));
  try {
    return floatsOf(await session.run(feeds), "y");
  } finally {
    await session.close();
  }
}

const operators = (y: Value) =>
  decodeModel(encodeGraph({ y }, { target: "cpu" }).bytes).graph.node.map(({ opType }) => opType);

it("broadcasts to shapes that end with axes of one element", async () => {
  const [rows, columns] = [80, 64];
  const [x, shifts] = [input("x", [rows, columns, 1, 1]), input("shifts", [columns, 1, 1])];
  const feeds = { x: drawn(x.shape), shifts: drawn(shifts.shape) };
  const y = subtract(floats(1), divide(add(x, shifts), floats(3)));
  const { data } = feeds.x;
  const wanted = Float32Array.from(data, (value, at) =>
    Math.fround(1 - Math.fround(Math.fround(value + (feeds.shifts.data[at % columns] ?? 0)) / 3)),
  );
  expect(await resultOf(y, feeds)).toEqual(wanted);
  expect(operators(y)).toContain("Reshape");
});

it.each([
  ["[2, 4096, 64] over images and tokens", [2, 4096, 64], [0, 1], false],
  ["[24576, 24], whose rows are joined by a power of two", [24_576, 24], [0], true],
  ["[1048576] to one number", [1_048_576], [0], false],
] as const)("sums %s in two passes", async (_, shape, axes, keepAxes) => {
  const x = input("x", shape);
  const y = sum(x, axes, keepAxes);
  const feeds = { x: drawn(shape) };
  const columns = elementCount(shape.slice(axes.length));
  const wanted = new Float64Array(columns);
  feeds.x.data.forEach((value, at) => {
    wanted[at % columns] = (wanted[at % columns] ?? 0) + value;
  });
  const given = await resultOf(y, feeds);
  expect(given).toHaveLength(columns);
  given.forEach((value, column) => {
    expect(Math.abs(value - (wanted[column] ?? 0))).toBeLessThan(1e-3);
  });
  expect(operators(y).filter((operator) => operator === "ReduceSum")).toHaveLength(2);
});
