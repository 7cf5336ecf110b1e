import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  add,
  conv2d,
  device,
  type FloatTensor,
  floatsOf,
  floatTensor,
  gradients,
  input,
  mean,
  parameter,
  relu,
  reshape,
  type StateEntry,
  StatefulSession,
  scale,
  sigmoid,
  square,
  subtract,
  sum,
  type Value,
} from "../../src/graph/index.js";

const cpu = device("cpu", 1);

const vector = (...data: number[]): FloatTensor => floatTensor([data.length], Float32Array.from(data));

describe("StatefulSession", () => {
  /** position ← position + speed; speed ← speed + push. */
  function motion(): ReadonlyMap<string, StateEntry> {
    const [position, speed, push] = [input("position", [2]), input("speed", [2]), input("push", [2])];
    return new Map([
      ["position", { current: position, next: add(position, speed), initial: vector(0, 100) }],
      ["speed", { current: speed, next: add(speed, push), initial: vector(1, 0) }],
    ]);
  }

  it("replaces every entry from the step's beginning, for any number of steps", async () => {
    const state = motion();
    const session = await StatefulSession.create(state, {}, cpu);
    let [position, speed] = [
      [0, 100],
      [1, 0],
    ];
    for (let step = 1; step <= 7; step++) {
      expect(await session.step({ push: vector(step, -1) })).toEqual({});
      position = position.map((each, index) => each + (speed[index] ?? 0));
      speed = speed.map((each, index) => each + (index === 0 ? step : -1));
      const read = await session.read();
      expect([...(read.position?.data ?? [])]).toEqual(position);
      expect([...(read.speed?.data ?? [])]).toEqual(speed);
    }
    await session.close();
  });

  it("neither reads nor changes the tensors it was created from afterwards", async () => {
    const state = motion();
    const session = await StatefulSession.create(state, {}, cpu);
    const initial = state.get("position")?.initial.data;
    initial?.fill(55);
    await session.step({ push: vector(0, 0) });
    await session.step({ push: vector(0, 0) });
    expect([...((await session.read()).position?.data ?? [])]).toEqual([2, 100]);
    expect([...(initial ?? [])]).toEqual([55, 55]);
    await session.close();
  });

  it("returns the results that are not state", async () => {
    const x = input("x", [2]);
    const state = new Map([["x", { current: x, next: scale(x, 2), initial: vector(1, 3) }]]);
    const session = await StatefulSession.create(state, { total: sum(x) }, cpu);
    expect([...floatsOf(await session.step({}), "total")]).toEqual([4]);
    expect([...floatsOf(await session.step({}), "total")]).toEqual([8]);
    await session.close();
  });

  it("keeps the content's shape where the graph reads and computes it in others", async () => {
    const initial = floatTensor([1, 2, 1, 1], Float32Array.of(1, 3));
    const x = input("x", [2]);
    const state = new Map([["x", { current: x, next: reshape(scale(x, 2), [2, 1]), initial }]]);
    const session = await StatefulSession.create(state, {}, cpu);
    await session.step({});
    await session.step({});
    expect((await session.read()).x).toEqual(floatTensor([1, 2, 1, 1], Float32Array.of(4, 12)));
    await session.close();
  });

  it("refuses an entry whose sizes differ, or that is not the input of its name", async () => {
    const x = input("x", [2]);
    const wrongShape = new Map([["x", { current: x, next: sum(x), initial: vector(1, 3) }]]);
    await expect(StatefulSession.create(wrongShape, {}, cpu)).rejects.toMatchObject({
      tag: "shape",
      message: expect.stringMatching(/^x: .*\[2\].*\[\]/),
    });
    const wrongName = new Map([["y", { current: x, next: scale(x, 2), initial: vector(1, 3) }]]);
    await expect(StatefulSession.create(wrongName, {}, cpu)).rejects.toMatchObject({
      tag: "internal",
      message: expect.stringMatching(/^y: /),
    });
  });
});

describe("training in the graph", () => {
  const SIZE = 8;
  const BATCH = 16;
  const LEARNING_RATE = 2;

  /** Images of noise, half of them with a bright 3×3 square somewhere; label 1 where there is one. */
  function batch(index: number): { images: FloatTensor; labels: FloatTensor } {
    const random = new RandomStream(0, "toy batch", index);
    const images = Float32Array.from({ length: BATCH * SIZE * SIZE }, () => random.uniform(-0.5, 0.5));
    const labels = Float32Array.from({ length: BATCH }, () => Number(random.chance(0.5)));
    labels.forEach((label, image) => {
      const [top, left] = [random.integer(SIZE - 2), random.integer(SIZE - 2)];
      for (let row = top; row < top + 3 && label === 1; row++) {
        const start = (image * SIZE + row) * SIZE + left;
        images.subarray(start, start + 3).fill(1);
      }
    });
    return { images: floatTensor([BATCH, 1, SIZE, SIZE], images), labels: floatTensor([BATCH], labels) };
  }

  function initial(name: string, shape: readonly number[], spread: number): FloatTensor {
    const random = new RandomStream(0, "toy parameter", name);
    const length = shape.reduce((product, each) => product * each, 1);
    return floatTensor(
      shape,
      Float32Array.from({ length }, () => random.uniform(-spread, spread)),
    );
  }

  /** One step of gradient descent on the squared error of a two-layer convolutional classifier. */
  async function createTraining(): Promise<StatefulSession> {
    const images = input("images", [BATCH, 1, SIZE, SIZE]);
    const labels = input("labels", [BATCH]);
    const entries: readonly (readonly [Value, FloatTensor])[] = [
      [parameter("first.weight", [8, 1, 3, 3]), initial("first.weight", [8, 1, 3, 3], 0.3)],
      [parameter("first.bias", [8]), initial("first.bias", [8], 0)],
      [parameter("second.weight", [1, 8, 3, 3]), initial("second.weight", [1, 8, 3, 3], 0.1)],
      [parameter("second.bias", [1]), initial("second.bias", [1], 0)],
    ];
    const parameters = entries.map(([value]) => value);
    const [firstWeight, firstBias, secondWeight, secondBias] = parameters;
    if (firstWeight === undefined || secondWeight === undefined) throw new Error("two layers are needed");
    const hidden = relu(conv2d(images, firstWeight, { bias: firstBias, padding: 1 }));
    const scores = conv2d(hidden, secondWeight, { bias: secondBias, stride: 2, padding: 1 });
    const probabilities = sigmoid(reshape(mean(scores, [1, 2, 3]), [BATCH]));
    const loss = mean(square(subtract(probabilities, labels)));
    const derivatives = gradients(loss, parameters);
    const state = new Map<string, StateEntry>();
    entries.forEach(([current, start], index) => {
      const derivative = derivatives[index];
      if (derivative === undefined || current.source.kind !== "parameter") throw new Error("no gradient");
      const next = subtract(current, scale(derivative, LEARNING_RATE));
      state.set(current.source.name, { current, next, initial: start });
    });
    return StatefulSession.create(state, { loss, probabilities }, cpu);
  }

  async function train(steps: number) {
    const session = await createTraining();
    const losses: number[] = [];
    const correct: boolean[] = [];
    for (let step = 0; step < steps; step++) {
      const feeds = batch(step);
      const results = await session.step(feeds);
      losses.push(floatsOf(results, "loss")[0] ?? Number.NaN);
      floatsOf(results, "probabilities").forEach((probability, image) => {
        if (step >= steps - 20) correct.push(probability > 0.5 === (feeds.labels.data[image] === 1));
      });
    }
    const bytes = Object.values(await session.read()).map(({ data }) =>
      Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"),
    );
    await session.close();
    return { losses, bytes, accuracy: correct.filter(Boolean).length / correct.length };
  }

  it("fits a two-layer convolutional network to a toy problem", async () => {
    const { losses, accuracy } = await train(300);
    expect(losses[0]).toBeGreaterThan(0.2);
    expect(Math.max(...losses.slice(-20))).toBeLessThan(0.15);
    expect(accuracy).toBeGreaterThan(0.95);
  });

  it("gives the same bytes every time", async () => {
    const [first, second] = [await train(25), await train(25)];
    expect(second).toEqual(first);
  });
});
