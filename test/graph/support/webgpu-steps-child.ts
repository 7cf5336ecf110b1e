/**
 * The process that tries training steps on webgpu: whether state stays on the device, and that every node of the
 * classifier's and the decoder's step has a kernel there. Writes a line of JSON for each.
 */
import { messageOf, RandomStream } from "../../../src/common/index.js";
import {
  add,
  cast,
  device,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  placeOnDevice,
  reshape,
  StatefulSession,
  scale,
  sum,
  type Value,
} from "../../../src/graph/index.js";
import {
  classifierGraph,
  classifierInputs,
  createSamFrame,
  decoderGraph,
  decoderInputs,
  initialClassifierWeights,
  loadMinisamDecoder,
} from "../../../src/models/index.js";
import { adam, adamW, TrainingStep, type TrainingStepOptions } from "../../../src/nn/index.js";
import { InferenceSession, type SessionOptions } from "../../support/onnxruntime.js";

const webgpu = device("webgpu", 1);

/** From now on sessions are refused when a node would go to the CPU. */
function refuseTheCpu(): void {
  const { create } = InferenceSession;
  type Create = (bytes: Uint8Array, options?: SessionOptions) => ReturnType<typeof create>;
  const strict: Create = (bytes, options) =>
    create.call(InferenceSession, bytes, {
      ...options,
      extra: { session: { disable_cpu_ep_fallback: "1" } },
    });
  Object.assign(InferenceSession, { create: strict });
}

const vector = (...data: number[]) => floatTensor([data.length], Float32Array.from(data));

/** position ← position + speed; speed ← speed + push, read and computed in other shapes than the content's. */
async function state(): Promise<object> {
  const [position, speed, push] = [input("position", [2]), input("speed", [2]), input("push", [2])];
  const moved = reshape(add(position, speed), [2, 1]);
  const session = await StatefulSession.create(
    new Map([
      ["position", { current: position, next: moved, initial: vector(0, 100) }],
      ["speed", { current: speed, next: add(speed, push), initial: vector(1, 0) }],
    ]),
    { total: sum(position) },
    webgpu,
  );
  const totals: number[] = [];
  for (let step = 1; step <= 4; step++) {
    const results = await session.step({ push: vector(step, -1) });
    totals.push(floatsOf(results, "total")[0] ?? Number.NaN);
  }
  const { position: last } = await session.read();
  await session.close();
  return { totals, position: [...(last?.data ?? [])] };
}

/** Tensors that are sent once and read by two runs. */
async function placement(): Promise<object> {
  const placed = await placeOnDevice({ x: vector(1, 2) }, webgpu);
  const session = await GraphSession.create({ y: scale(input("x", [2]), 3) }, webgpu);
  const runs = [await session.run(placed.feeds), await session.run(placed.feeds)];
  await placed.release();
  const failure = await session.run(placed.feeds).catch(messageOf);
  await session.close();
  return { runs: runs.map((results) => [...floatsOf(results, "y")]), failure };
}

/** int64 sums have no kernel: that they are refused shows that the check is one. */
async function refusal(): Promise<object> {
  const positions: Value = input("positions", [3], "int64");
  const total = cast(sum(positions), "float32");
  return { failure: await GraphSession.create({ total }, webgpu).then(() => "none", messageOf) };
}

type StepMemory = Pick<TrainingStepOptions, "segments" | "microBatches">;

/** Micro-batches of two images, of a batch of four. */
const inHalves = (inputs: Readonly<Record<string, string>>) =>
  ({ count: 2, split: Object.values(inputs) }) as const;

async function classifierStep(depth: 18 | 50, memory: StepMemory = {}): Promise<object> {
  const options = { depth, dropThreshold: 0.8, highFrequency: true } as const;
  const mode = memory.microBatches === undefined ? "training" : { microBatches: memory.microBatches.count };
  const { loss, parameters, model } = classifierGraph(options, 2, 64, mode);
  await TrainingStep.create({
    loss,
    parameters: parameters.all(),
    buffers: model.buffers,
    optimizer: adam({ weightDecay: 1e-3 }),
    initial: initialClassifierWeights(options, (name) => new RandomStream(0, name)),
    device: webgpu,
    ...memory,
  });
  return { compiled: true };
}

async function decoderStep(maskPrompt: boolean, memory: StepMemory = {}): Promise<object> {
  const weights = await loadMinisamDecoder();
  const frame = createSamFrame({ width: 64, height: 64 });
  const { losses, parameters } = decoderGraph(weights, frame, { batchSize: 2, points: 5, maskPrompt });
  await TrainingStep.create({
    loss: add(losses.dice, losses.iou),
    parameters: parameters.all(),
    optimizer: adamW({ weightDecay: 1e-2 }),
    initial: weights,
    outputs: { ...losses },
    device: webgpu,
    ...memory,
  });
  return { compiled: true };
}

async function report(name: string, work: () => Promise<object>): Promise<void> {
  const found = await work().catch((thrown: unknown) => ({ failure: messageOf(thrown) }));
  process.stdout.write(`${JSON.stringify({ name, ...found })}\n`);
}

await report("state", state);
await report("placement", placement);
refuseTheCpu();
await report("refusal", refusal);
await report("classifier step", () => classifierStep(18));
await report("classifier step, ResNet-50", () => classifierStep(50));
await report("classifier step, segments", () => classifierStep(18, { segments: true }));
await report("classifier step, micro-batches", () =>
  classifierStep(18, { microBatches: inHalves(classifierInputs) }),
);
await report("decoder step", () => decoderStep(false));
await report("decoder step, mask prompt", () => decoderStep(true));
await report("decoder step, segments", () => decoderStep(true, { segments: true }));
await report("decoder step, micro-batches", () =>
  decoderStep(false, { microBatches: inHalves(decoderInputs) }),
);
process.exit();
