import { describe, expect, it } from "vitest";
import {
  add,
  cast,
  conv2d,
  decodeModel,
  device,
  encodeGraph,
  type FloatTensor,
  floats,
  floatsOf,
  floatTensor,
  GraphSession,
  gather,
  type HostTensor,
  input,
  multiply,
  parameter,
  scale,
  sum,
  type Value,
  where,
} from "../../src/graph/index.js";

const cpu = device("cpu", 1);

const vector = (...data: number[]): FloatTensor => floatTensor([data.length], Float32Array.from(data));

async function withSession<T>(
  outputs: Record<string, Value>,
  use: (session: GraphSession) => Promise<T>,
  options: Parameters<typeof GraphSession.create>[2] = {},
): Promise<T> {
  const session = await GraphSession.create(outputs, cpu, options);
  try {
    return await use(session);
  } finally {
    await session.close();
  }
}

describe("GraphSession", () => {
  it("lists what must be fed and what comes back", async () => {
    const [a, b] = [input("a", [2]), parameter("b", [2])];
    await withSession({ total: add(a, b) }, async (session) => {
      expect([...session.inputs].map(([name, { shape }]) => [name, shape])).toEqual([
        ["a", [2]],
        ["b", [2]],
      ]);
      expect([...session.outputs.keys()]).toEqual(["total"]);
    });
  });

  it("names a missing feed and a feed of the wrong shape, type or length", async () => {
    await withSession({ y: scale(input("image", [2, 3]), 2) }, async (session) => {
      const shapeError = (message: RegExp) => ({ tag: "shape", message: expect.stringMatching(message) });
      await expect(session.run({})).rejects.toMatchObject(shapeError(/^image: .*not fed/));
      await expect(session.run({ image: floatTensor([3, 2]) })).rejects.toMatchObject(
        shapeError(/^image: .*float32\[3, 2\].*float32\[2, 3\]/),
      );
      const integers: HostTensor = { dataType: "int64", shape: [2, 3], data: new BigInt64Array(6) };
      await expect(session.run({ image: integers })).rejects.toMatchObject(
        shapeError(/int64\[2, 3\].*float32\[2, 3\]/),
      );
      const short = floatTensor([2, 3], new Float32Array(5));
      await expect(session.run({ image: short })).rejects.toMatchObject(shapeError(/5 elements/));
    });
  });

  it("takes integers and truth values and gives them back", async () => {
    const [x, positions, mask] = [
      input("x", [3]),
      input("positions", [2], "int64"),
      input("mask", [2], "bool"),
    ];
    const chosen = where(mask, gather(x, positions), floats(-1));
    const outputs = { chosen, total: sum(positions, [0], true), truth: cast(chosen, "bool") };
    await withSession(outputs, async (session) => {
      const results = await session.run({
        x: vector(0, 5, 7),
        positions: { dataType: "int64", shape: [2], data: BigInt64Array.of(2n, 0n) },
        mask: { dataType: "bool", shape: [2], data: Uint8Array.of(1, 1) },
      });
      expect([...floatsOf(results, "chosen")]).toEqual([7, 0]);
      expect(results.total).toEqual({
        dataType: "int64",
        shape: [1],
        data: BigInt64Array.of(2n),
      });
      expect(results.truth).toEqual({ dataType: "bool", shape: [2], data: Uint8Array.of(1, 0) });
      expect(() => floatsOf(results, "truth")).toThrowError(/truth.*float32/);
    });
  });

  it("writes into tensors that were allocated before", async () => {
    const x = input("x", [3]);
    await withSession({ doubled: scale(x, 2), halved: scale(x, 0.5) }, async (session) => {
      const doubled = floatTensor([3]);
      const results = await session.run({ x: vector(1, 2, 3) }, { doubled });
      expect([...doubled.data]).toEqual([2, 4, 6]);
      expect(results.doubled).toBe(doubled);
      expect([...floatsOf(results, "halved")]).toEqual([0.5, 1, 1.5]);
      await expect(session.run({ x: vector(1, 2, 3) }, { doubled: floatTensor([2]) })).rejects.toMatchObject({
        tag: "shape",
        fields: { where: "doubled" },
      });
    });
  });

  it("gives results that a later run does not change", async () => {
    await withSession({ y: scale(input("x", [1]), 2) }, async (session) => {
      const first = floatsOf(await session.run({ x: vector(1) }), "y");
      await session.run({ x: vector(10) });
      expect([...first]).toEqual([2]);
    });
  });

  it("returns inputs, constants and one value under two names", async () => {
    const x = input("x", [2]);
    const y = scale(x, 3);
    await withSession({ same: x, fixed: floats([4, 5]), once: y, twice: y }, async (session) => {
      const results = await session.run({ x: vector(1, 2) });
      expect(["same", "fixed", "once", "twice"].map((name) => [...floatsOf(results, name)])).toEqual([
        [1, 2],
        [4, 5],
        [3, 6],
        [3, 6],
      ]);
    });
  });

  it("stores bound parameters and no longer asks for them", async () => {
    const [x, weight] = [input("x", [1, 1, 2, 2]), parameter("weight", [1, 1, 2, 2])];
    const bind = new Map([["weight", floatTensor([1, 1, 2, 2], Float32Array.of(1, 2, 3, 4))]]);
    await withSession(
      { y: conv2d(x, weight) },
      async (session) => {
        expect([...session.inputs.keys()]).toEqual(["x"]);
        const feed = floatTensor([1, 1, 2, 2], Float32Array.of(1, 1, 1, 2));
        expect([...floatsOf(await session.run({ x: feed }), "y")]).toEqual([14]);
      },
      { bind },
    );
  });

  it("refuses a bound parameter of another shape", async () => {
    const bind = new Map([["weight", floatTensor([3])]]);
    const graph = { y: scale(parameter("weight", [2]), 1) };
    await expect(GraphSession.create(graph, cpu, { bind })).rejects.toMatchObject({
      tag: "shape",
      message: expect.stringMatching(/^weight: .*\[3\].*\[2\]/),
    });
  });

  it("says which device cannot run a graph", async () => {
    const cuda = device("cuda", 1);
    await expect(GraphSession.create({ y: scale(input("x", [1]), 1) }, cuda)).rejects.toMatchObject({
      tag: "device",
      fields: { where: "device cuda" },
    });
  });
});

describe("encodeGraph", () => {
  it("refuses two inputs of one name, and an output named like an input", () => {
    expect(() => encodeGraph({ y: add(input("x", [2]), input("x", [2])) })).toThrowError(
      /x.*two graph inputs/,
    );
    expect(() => encodeGraph({ x: scale(input("x", [2]), 2) })).toThrowError(/x: .*input.*output/);
  });

  it("gives the same bytes for the same graph", () => {
    const build = () => {
      const x = input("x", [1, 3, 8, 8]);
      return { loss: sum(multiply(conv2d(x, parameter("weight", [4, 3, 3, 3])), floats(0.5))) };
    };
    expect(Buffer.from(encodeGraph(build()).bytes).equals(encodeGraph(build()).bytes)).toBe(true);
  });

  it("writes a model that reads back with the declared shapes", () => {
    const model = decodeModel(encodeGraph({ y: scale(input("x", [2, 3]), 2) }).bytes);
    const sizes = model.graph.input[0]?.type?.tensorType?.shape?.dim.map(({ dimValue }) => dimValue);
    expect(sizes).toEqual([2, 3]);
    expect(model.graph.output.map(({ name }) => name)).toEqual(["y"]);
    expect(() => decodeModel(Uint8Array.of(1, 2, 3), "broken.onnx")).toThrowError(/broken.onnx/);
  });
});
