import { describe, expect, expectTypeOf, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  add,
  cast,
  conv2d,
  type DeviceTensor,
  device,
  type Feeds,
  type FloatTensor,
  floats,
  floatTensor,
  type HostTensor,
  type HostTensors,
  input,
  type LockStepSession,
  matmul,
  mean,
  multiply,
  relu,
  reshape,
  type StatefulSession,
  slice,
  subtract,
} from "../../src/graph/index.js";
import { attentionDropout } from "../../src/models/attention-dropout.js";
import {
  adam,
  adamW,
  type BatchNormResult,
  batchNormSynchronised,
  batchNormTraining,
  binaryCrossEntropyWithLogits,
  initialLossScale,
  nextLossScale,
  ParameterSet,
  type StepSession,
  TrainingStep,
  type TrainingStepOptions,
} from "../../src/nn/index.js";

const IMAGES = 6;
const SIZE = 12;
const WIDTH = 8;
const LAYERS = 3;
const cpu = device("cpu", 1);

type Variant = Partial<Pick<TrainingStepOptions, "segments" | "precision" | "stepsTaken" | "initial">> & {
  readonly microBatches?: number;
};

/** Convolutions with batch normalisation and attention dropout after each, as in the patch classifier. */
function network(images: number, microBatches: number | undefined) {
  const parameters = new ParameterSet();
  const buffers = new Map<string, { current: ReturnType<typeof input>; next: ReturnType<typeof input> }>();
  const draws = cast(input("draws", [LAYERS], "bool"), "float32");
  let x = input("images", [images, 3, SIZE, SIZE]);
  for (let layer = 0; layer < LAYERS; layer++) {
    const name = `layer${layer}`;
    const weight = parameters.get(`${name}.weight`, [WIDTH, x.shape[1] ?? 0, 3, 3]);
    const statistics = {
      weight: parameters.get(`${name}.factor`, [WIDTH]),
      bias: parameters.get(`${name}.shift`, [WIDTH]),
      runningMean: parameters.buffer(`${name}.running_mean`, [WIDTH]),
      runningVariance: parameters.buffer(`${name}.running_var`, [WIDTH]),
    };
    const convolved = conv2d(x, weight, { padding: 1 });
    const result: BatchNormResult =
      microBatches === undefined
        ? batchNormTraining(convolved, statistics)
        : batchNormSynchronised(convolved, statistics, microBatches);
    buffers.set(`${name}.running_mean`, { current: statistics.runningMean, next: result.nextRunningMean });
    buffers.set(`${name}.running_var`, {
      current: statistics.runningVariance,
      next: result.nextRunningVariance,
    });
    const draw = slice(draws, [{ axis: 0, start: layer, end: layer + 1 }]);
    x = attentionDropout(relu(result.output), draw, 0.8);
  }
  const pooled = mean(reshape(x, [images, WIDTH, SIZE * SIZE]), [2]);
  const logits = reshape(matmul(pooled, parameters.get("head", [WIDTH, 1])), [images]);
  const loss = binaryCrossEntropyWithLogits(logits, input("labels", [images]));
  return { parameters, buffers, logits, loss };
}

function random(name: string, shape: readonly number[], low = -1, high = 1): FloatTensor {
  const stream = new RandomStream(0, "training step", name);
  const length = shape.reduce((product, size) => product * size, 1);
  return floatTensor(
    shape,
    Float32Array.from({ length }, () => stream.uniform(low, high)),
  );
}

function feeds(step: number): HostTensors {
  const labels = Float32Array.from({ length: IMAGES }, (_, index) => (index + step) % 2);
  return {
    images: random(`images ${step}`, [IMAGES, 3, SIZE, SIZE]),
    labels: floatTensor([IMAGES], labels),
    // Each layer drops in some step and weights in others.
    draws: {
      dataType: "bool",
      shape: [LAYERS],
      data: Uint8Array.from({ length: LAYERS }, (_, k) => (k + step) % 2),
    },
  };
}

async function createStep({ microBatches, initial, ...variant }: Variant): Promise<TrainingStep> {
  const { parameters, buffers, logits, loss } = network(IMAGES / (microBatches ?? 1), microBatches);
  const start = [...parameters.all(), ...parameters.allBuffers()].map(([name, { shape }]) => {
    const isFactor = name.endsWith(".factor") || name.endsWith("running_var");
    return [name, random(name, shape, isFactor ? 0.5 : -0.5, isFactor ? 1.5 : 0.5)] as const;
  });
  return TrainingStep.create({
    loss,
    parameters: parameters.all(),
    buffers,
    // So large an epsilon makes steps proportional to gradients: what is nearly zero is not blown up to full steps.
    optimizer: adam({ weightDecay: 1e-3, epsilon: 0.1 }),
    initial: initial ?? new Map(start),
    outputs: { logits },
    device: cpu,
    ...(microBatches === undefined
      ? {}
      : { microBatches: { count: microBatches, split: ["images", "labels"] } }),
    ...variant,
  });
}

/** State, losses and logits after some steps. */
async function trained(variant: Variant, steps = 3) {
  const step = await createStep(variant);
  const losses: number[] = [];
  let logits: number[] = [];
  let skipped = 0;
  for (let index = 0; index < steps; index++) {
    const result = await step.run(feeds(index), 0.02);
    losses.push(result.loss);
    if (result.outputs.logits?.dataType === "float32") logits = [...result.outputs.logits.data];
    if (result.skipped) skipped++;
  }
  const state = await step.snapshot();
  const { stepsTaken } = step;
  await step.close();
  return { state, losses, logits, skipped, stepsTaken };
}

/** The largest difference of a tensor, relative to its largest number, over all tensors. */
function largestError(
  actual: ReadonlyMap<string, FloatTensor>,
  expected: ReadonlyMap<string, FloatTensor>,
): number {
  const errors = [...expected].map(([name, { data }]) => {
    const other = actual.get(name)?.data;
    expect(other?.length, name).toBe(data.length);
    const largest = Math.max(...data.map(Math.abs), 1e-6);
    return (
      Math.max(...data.map((value, index) => Math.abs(value - (other?.[index] ?? Number.NaN)))) / largest
    );
  });
  return Math.max(...errors);
}

describe("a training step's starting values", () => {
  it("must be of as many elements as the parameter", async () => {
    const { state } = await trained({}, 0);
    for (const name of ["head", "optimizer:second_moment:head"]) {
      const initial = new Map([...state, [name, floatTensor([WIDTH - 1, 1])]]);
      await expect(createStep({ initial })).rejects.toThrow(new RegExp(`${name}.*starts as \\[7, 1\\]`));
    }
  });
});

describe("a learning rate by parameter", () => {
  /** Parameters after three steps towards 1 of each, which do not touch each other. */
  async function trained(learningRate: number, factor: number, microBatches: number) {
    const parameters = new ParameterSet();
    const x = input("x", [microBatches === 1 ? 2 : 1, 3]);
    const towards = (name: string) => {
      const difference = subtract(parameters.get(name, [3, 2]), floats(1));
      return mean(multiply(matmul(x, difference), matmul(x, difference)));
    };
    const step = await TrainingStep.create({
      loss: add(towards("slow"), towards("fast")),
      parameters: parameters.all(),
      optimizer: adamW({ weightDecay: 0.1 }),
      rateFactor: (name) => (name === "slow" ? factor : 1),
      initial: new Map(["slow", "fast"].map((name) => [name, random(name, [3, 2])])),
      microBatches: microBatches === 1 ? undefined : { count: microBatches, split: ["x"] },
      device: cpu,
    });
    const feeds = { x: random("x", [2, 3]) };
    for (let count = 0; count < 3; count++) await step.run(feeds, learningRate);
    const weights = await step.snapshot();
    await step.close();
    return (name: string) => weights.get(name)?.data;
  }

  it.each([
    ["in host memory", 1],
    ["in the graph", 2],
  ])("is the step's times its factor, %s", async (_where, microBatches) => {
    const [mixed, slow, fast] = [
      await trained(0.01, 0.25, microBatches),
      await trained(0.0025, 1, microBatches),
      await trained(0.01, 1, microBatches),
    ];
    expect(mixed("slow")).toEqual(slow("slow"));
    expect(mixed("fast")).toEqual(fast("fast"));
    expect(mixed("slow")).not.toEqual(fast("slow"));
  });
});

describe("a training step in micro-batches", () => {
  it("gives parameters, moments and running statistics of the whole batch", async () => {
    const whole = await trained({});
    expect(whole.logits).toHaveLength(IMAGES);
    for (const microBatches of [2, 6]) {
      const parts = await trained({ microBatches });
      expect(largestError(parts.state, whole.state)).toBeLessThan(1e-4);
      expect(largestError(numbers(parts), numbers(whole))).toBeLessThan(1e-5);
    }
  });

  it("does so with segments computed again", async () => {
    const [whole, parts] = [await trained({}), await trained({ microBatches: 3, segments: true })];
    expect(largestError(parts.state, whole.state)).toBeLessThan(1e-4);
  });
});

const numbers = ({ losses, logits }: { losses: number[]; logits: number[] }) =>
  new Map([["results", floatTensor([losses.length + logits.length], Float32Array.of(...losses, ...logits))]]);

describe("a training step with segments computed again", () => {
  it("gives the same bytes", async () => {
    expect(await trained({ segments: true })).toEqual(await trained({}));
  });
});

describe("a training step in float16", () => {
  it("follows float32 to the precision of its products", async () => {
    const [single, half] = [await trained({}), await trained({ precision: "float16" })];
    expect(half.skipped).toBe(0);
    expect(largestError(numbers(half), numbers(single))).toBeLessThan(0.02);
    expect(largestError(numbers(half), numbers(single))).toBeGreaterThan(1e-6);
    const weights = (of: ReadonlyMap<string, FloatTensor>) =>
      new Map([...of].filter(([name]) => !name.startsWith("optimizer:")));
    expect(largestError(weights(half.state), weights(single.state))).toBeLessThan(0.02);
  });

  it("does so in micro-batches", async () => {
    const [single, half] = [await trained({}), await trained({ precision: "float16", microBatches: 2 })];
    expect(largestError(numbers(half), numbers(single))).toBeLessThan(0.02);
  });

  it("leaves out steps whose gradients are not finite, and halves the scale until they are", async () => {
    const { state: start } = await trained({}, 0);
    const initial = new Map([
      ...start,
      ["optimizer:loss-scale", floatTensor([2], Float32Array.of(2 ** 24, 5))],
    ]);
    const first = await trained({ precision: "float16", initial }, 1);
    expect(first).toMatchObject({ skipped: 1, stepsTaken: 0 });
    expect([...(first.state.get("optimizer:loss-scale")?.data ?? [])]).toEqual([2 ** 23, 0]);
    const unchanged = new Map([...first.state].filter(([name]) => start.has(name)));
    expect(unchanged).toEqual(start);
    const later = await trained({ precision: "float16", initial }, 12);
    expect(later.skipped).toBeGreaterThan(1);
    expect(later.skipped).toBeLessThan(12);
    expect(later.stepsTaken).toBe(12 - later.skipped);
    expect(later.state.get("optimizer:loss-scale")?.data[0]).toBe(2 ** (24 - later.skipped));
  });

  it("goes on from a checkpoint to the bytes of an uninterrupted training", async () => {
    const whole = await trained({ precision: "float16" }, 3);
    const before = await trained({ precision: "float16" }, 2);
    const step = await createStep({
      precision: "float16",
      initial: before.state,
      stepsTaken: before.stepsTaken,
    });
    await step.run(feeds(2), 0.02);
    expect(await step.snapshot()).toEqual(whole.state);
    await step.close();
  });
});

describe("the loss's scale", () => {
  it("is halved at a gradient that is not finite, and doubled after 2000 finite steps in a row", () => {
    let state = nextLossScale(initialLossScale, false);
    expect(state).toEqual({ scale: 32768, finiteSteps: 0 });
    for (let step = 0; step < 1999; step++) state = nextLossScale(state, true);
    expect(state).toEqual({ scale: 32768, finiteSteps: 1999 });
    expect(nextLossScale(state, false)).toEqual({ scale: 16384, finiteSteps: 0 });
    expect(nextLossScale(state, true)).toEqual({ scale: 65536, finiteSteps: 0 });
  });

  it("has limits: it stops growing, and what overflows at any scale is an error", () => {
    expect(nextLossScale({ scale: 2 ** 24, finiteSteps: 1999 }, true).scale).toBe(2 ** 24);
    expect(() => nextLossScale({ scale: 2 ** -14, finiteSteps: 0 }, false)).toThrow(/float16.*not finite/);
  });
});

describe("what a step is fed with, as the compiler sees it", () => {
  it("may lie on the device where the batch stays whole, and only in host memory where it is divided", () => {
    type Divided = TrainingStep<HostTensor>;
    type Whole = TrainingStep<HostTensor | DeviceTensor>;
    expectTypeOf<Parameters<Whole["run"]>[0]>().toEqualTypeOf<Feeds>();
    expectTypeOf<Parameters<Divided["run"]>[0]>().toEqualTypeOf<HostTensors>();
    expectTypeOf<Feeds>().not.toExtend<Parameters<Divided["run"]>[0]>();
    expectTypeOf<Divided>().not.toExtend<Whole>();
    // So that no step for device tensors can be made of a session that divides what it is fed with.
    expectTypeOf<StatefulSession>().toExtend<StepSession<HostTensor | DeviceTensor>>();
    expectTypeOf<LockStepSession>().not.toExtend<StepSession<HostTensor | DeviceTensor>>();
    expectTypeOf<LockStepSession>().toExtend<StepSession<HostTensor>>();
    const plain = (options: TrainingStepOptions) => TrainingStep.create(options);
    expectTypeOf<Awaited<ReturnType<typeof plain>>>().toEqualTypeOf<Divided>();
  });
});
