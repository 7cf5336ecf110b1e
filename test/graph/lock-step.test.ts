import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import {
  add,
  device,
  divide,
  elementCount,
  type FloatTensor,
  floats,
  floatsOf,
  floatTensor,
  gradients,
  input,
  LockStepSession,
  matmul,
  mean,
  multiply,
  parameter,
  relu,
  reshape,
  type StateEntry,
  StatefulSession,
  scale,
  sqrt,
  square,
  subtract,
  synchronised,
  type Value,
} from "../../src/graph/index.js";
import { planLockStep } from "../../src/graph/lock-step.js";

const IMAGES = 6;
const FEATURES = 5;
const cpu = device("cpu", 1);
const split = ["x", "y"];

/**
 * Two layers whose features are centred and squared over the whole batch, as batch normalisation does, a running
 * mean, and a step of gradient descent.
 */
function step(images: number, segments: boolean) {
  const x = input("x", [images, FEATURES]);
  const shared = input("shared", [1]);
  const weights = ["first", "second"].map((name) => parameter(name, [FEATURES, FEATURES]));
  const running = input("running", [FEATURES]);
  let features = multiply(x, shared);
  let blended = running;
  for (const weight of weights) {
    const linear = matmul(features, weight);
    const centre = synchronised(mean(linear, [0]));
    const spread = synchronised(mean(square(subtract(linear, centre)), [0]));
    features = relu(divide(subtract(linear, centre), sqrt(add(spread, floats(0.1)))));
    blended = add(scale(blended, 0.9), scale(centre, 0.1));
  }
  const logits = mean(features, [1]);
  const raw = mean(square(subtract(reshape(logits, [images]), input("y", [images]))));
  const slopes = gradients(raw, weights, { segments });
  const state = new Map<string, StateEntry>();
  weights.forEach((weight, index) => {
    const slope = slopes[index];
    const name = ["first", "second"][index] ?? "";
    if (slope === undefined) throw new Error("no gradient");
    const next = subtract(weight, scale(synchronised(slope), 0.3));
    state.set(name, { current: weight, next, initial: filled(name, [FEATURES, FEATURES]) });
  });
  state.set("running", { current: running, next: blended, initial: filled("running", [FEATURES]) });
  return { state, outputs: { loss: synchronised(raw), logits } as Record<string, Value> };
}

function filled(name: string, shape: readonly number[]): FloatTensor {
  return floatTensor(shape, deterministicUniform(name, elementCount(shape), -1, 1));
}

interface Session {
  step(feeds: Record<string, FloatTensor>): Promise<Record<string, { readonly shape: readonly number[] }>>;
  read(): Promise<Readonly<Record<string, FloatTensor>>>;
  close(): Promise<void>;
}

/** Results and state after three steps, as plain numbers. */
async function train(session: Session) {
  const history: Record<string, number[]> = {};
  for (let index = 0; index < 3; index++) {
    const results = await session.step({
      x: filled(`x${index}`, [IMAGES, FEATURES]),
      y: filled(`y${index}`, [IMAGES]),
      shared: floatTensor([1], Float32Array.of(1 + index)),
    });
    expect(Object.keys(results).sort()).toEqual(["logits", "loss"]);
    expect(results.logits?.shape).toEqual([IMAGES]);
    const floats = results as Record<string, FloatTensor>;
    for (const name of Object.keys(floats)) history[`${name}${index}`] = [...floatsOf(floats, name)];
    for (const [name, { data }] of Object.entries(await session.read()))
      history[`${name}${index}`] = [...data];
  }
  await session.close();
  return history;
}

async function whole() {
  const { state, outputs } = step(IMAGES, false);
  return train(await StatefulSession.create(state, outputs, cpu));
}

async function divided(count: number, segments = false) {
  const { state, outputs } = step(IMAGES / count, segments);
  return train(await LockStepSession.create(state, outputs, cpu, { count, split }));
}

function expectSame(actual: Record<string, number[]>, expected: Record<string, number[]>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, numbers] of Object.entries(expected)) {
    expect(actual[name]?.length, name).toBe(numbers.length);
    for (const [index, number] of numbers.entries())
      expect(actual[name]?.[index], name).toBeCloseTo(number, 5);
  }
}

describe("LockStepSession", () => {
  it("gives what the whole batch gives, in any number of micro-batches", async () => {
    const expected = await whole();
    expect(Object.values(expected).flat().every(Number.isFinite)).toBe(true);
    for (const count of [1, 2, 3, 6]) expectSame(await divided(count), expected);
  });

  it("does so with segments computed again", async () => {
    expectSame(await divided(3, true), await whole());
  });

  it("differs where micro-batches do not wait for each other", async () => {
    const { state, outputs } = step(IMAGES / 3, false);
    const alone = await StatefulSession.create(state, outputs, cpu);
    const results = await alone.step({
      x: floatTensor([2, FEATURES], filled("x0", [IMAGES, FEATURES]).data.slice(0, 2 * FEATURES)),
      y: floatTensor([2], filled("y0", [IMAGES]).data.slice(0, 2)),
      shared: floatTensor([1], Float32Array.of(1)),
    });
    await alone.close();
    const expected = await whole();
    expect(floatsOf(results, "logits")[0]).not.toBeCloseTo(expected.logits0?.[0] ?? Number.NaN, 2);
  });

  it("refuses batches that cannot be divided and next values that differ", async () => {
    const { state, outputs } = step(2, false);
    const session = await LockStepSession.create(state, outputs, cpu, { count: 3, split });
    const feeds = { x: filled("x", [5, FEATURES]), y: filled("y", [5]), shared: filled("shared", [1]) };
    await expect(session.step(feeds)).rejects.toMatchObject({ tag: "shape" });
    await session.close();
    const x = input("x", [2]);
    const own = input("own", [2]);
    const differs = new Map([["own", { current: own, next: add(own, x), initial: filled("own", [2]) }]]);
    await expect(LockStepSession.create(differs, {}, cpu, { count: 2, split })).rejects.toMatchObject({
      tag: "internal",
      message: expect.stringContaining("next:own"),
    });
  });
});

describe("stages", () => {
  it("are one for each round of means, and what is the same for all is computed once at the end", () => {
    const { state, outputs } = step(2, false);
    const next = Object.fromEntries([...state].map(([name, entry]) => [`next:${name}`, entry.next]));
    const { stages, final } = planLockStep({ ...outputs, ...next }, new Set(split));
    // Two layers of two means, the same backwards, and what comes before the first mean.
    expect(stages.length).toBe(9);
    expect(stages.flatMap(({ results }) => results)).toEqual(["logits"]);
    expect(Object.keys(final).sort()).toEqual(["loss", "next:first", "next:running", "next:second"]);
    const carried = stages.flatMap((stage) => stage.carried);
    expect(stages.flatMap((stage) => stage.finished).sort()).toEqual(carried.sort());
  });

  it("are one without means: gradients are added up and applied once", () => {
    const weight = parameter("weight", [3]);
    const loss = mean(square(multiply(input("x", [2, 3]), weight)));
    const [slope = loss] = gradients(loss, [weight]);
    const plan = planLockStep({ next: subtract(weight, synchronised(slope)) }, new Set(["x"]));
    expect(plan.stages.map(({ carried, averaged }) => [carried.length, averaged.length])).toEqual([[0, 1]]);
  });
});
