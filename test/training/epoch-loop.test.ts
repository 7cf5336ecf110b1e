import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { exists, silentReporter } from "../../src/common/index.js";
import { floatTensor } from "../../src/graph/index.js";
import {
  checkpointFile,
  readCheckpoint,
  removeCheckpoint,
  writeCheckpoint,
} from "../../src/training/checkpoint.js";
import {
  batchesAhead,
  type EpochLoopOptions,
  type EpochStep,
  runEpochs,
  type Weights,
} from "../../src/training/epoch-loop.js";
import { errorOf, makeFolder, newRun, removeFolders } from "./fixtures.js";

/** A step whose one weight counts its steps; an optimizer state beside it counts double. */
class CountingStep implements EpochStep {
  closed = false;

  constructor(
    public stepsTaken: number,
    private readonly weights: Weights,
  ) {}

  async snapshot(): Promise<Weights> {
    const double = floatTensor([1], Float32Array.of(2 * this.stepsTaken));
    return new Map([
      ...this.weights,
      ["weight", floatTensor([1], Float32Array.of(this.stepsTaken))],
      ["optimizer:first:weight", double],
    ]);
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A loop whose validation gives the criteria of `curve`, one an epoch. */
async function loop(curve: readonly number[], patience: number, folder?: string) {
  const root = folder ?? (await makeFolder());
  if (folder === undefined) onTestFinished(() => removeFolders([root]));
  const run = await newRun(root);
  const steps: CountingStep[] = [];
  const trained: number[] = [];
  const options: EpochLoopOptions<CountingStep> = {
    stage: "classifier",
    run,
    epochs: curve.length,
    patience,
    reporter: silentReporter,
    initialWeights: async () => new Map([["weight", floatTensor([1], Float32Array.of(0))]]),
    createStep: async (initial, stepsTaken) => {
      const step = new CountingStep(stepsTaken, initial);
      steps.push(step);
      return step;
    },
    trainEpoch: async (step, epoch) => {
      trained.push(epoch);
      step.stepsTaken += 10;
      return { loss: 1 / (epoch + 1) };
    },
    validate: async (_weights, epoch) => {
      const loss = curve[epoch] ?? Number.NaN;
      return { criterion: loss, values: { loss } };
    },
  };
  return { run, options, steps, trained };
}

function weightOf(weights: Weights): number | undefined {
  return weights.get("weight")?.data[0];
}

it("the next batch of an epoch is made while one is worked on, and no more", async () => {
  const made: number[] = [];
  const batches = batchesAhead(4, async (position) => {
    made.push(position);
    return 10 * position;
  });
  const seen: (readonly [number, number, number])[] = [];
  for await (const [position, batch] of batches) seen.push([position, batch, made.length]);
  expect(seen).toEqual([
    [0, 0, 2],
    [1, 10, 3],
    [2, 20, 4],
    [3, 30, 4],
  ]);
});

describe("the loop over epochs", () => {
  it("keeps the weights of the lowest criterion, the first of equal ones", async () => {
    const { options, trained, steps } = await loop([3, 1, 2, 1], 9);
    const { weights, progress } = await runEpochs(options);
    expect(trained).toEqual([0, 1, 2, 3]);
    expect(weightOf(weights)).toBe(20);
    expect([...weights.keys()]).toEqual(["weight"]);
    expect(progress).toEqual({ epochsDone: 4, stepsTaken: 40, bestEpoch: 1, bestCriterion: 1 });
    expect(steps.map(({ closed }) => closed)).toEqual([true]);
  });

  it("keeps the last weights where told, and then need not judge every epoch", async () => {
    const { options, run } = await loop([3, 1, 2], 1);
    const validate = async (weights: Weights, epoch: number) =>
      epoch === 1 ? null : options.validate(weights, epoch);
    const { weights, progress } = await runEpochs({ ...options, keepsLast: true, validate });
    expect(weightOf(weights)).toBe(30);
    expect(progress).toEqual({ epochsDone: 3, stepsTaken: 30, bestEpoch: 2, bestCriterion: 2 });
    const validation = (await run.metrics()).filter(({ split }) => split === "val");
    expect(validation.map(({ epoch }) => epoch)).toEqual([0, 2]);
  });

  it("stops after `patience` epochs without improvement", async () => {
    const { options, trained } = await loop([5, 4, 4, 4, 1, 1], 2);
    const { progress } = await runEpochs(options);
    expect(trained).toEqual([0, 1, 2, 3]);
    expect(progress).toMatchObject({ epochsDone: 4, bestEpoch: 1, bestCriterion: 4 });
  });

  it("counts patience from the last improvement", async () => {
    const { options, trained } = await loop([5, 6, 4, 6, 3, 6, 6, 0], 2);
    await runEpochs(options);
    expect(trained).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it("writes one training and one validation line an epoch", async () => {
    const { options, run } = await loop([3, 2], 9);
    await runEpochs(options);
    expect(await run.metrics()).toEqual([
      { stage: "classifier", epoch: 0, split: "train", values: { loss: 1 } },
      { stage: "classifier", epoch: 0, split: "val", values: { loss: 3 } },
      { stage: "classifier", epoch: 1, split: "train", values: { loss: 0.5 } },
      { stage: "classifier", epoch: 1, split: "val", values: { loss: 2 } },
    ]);
  });

  it("goes on after an interruption with the state of the last finished epoch", async () => {
    const first = await loop([3, 1, 2, 4], 9);
    const interrupted = new Error("stop");
    const stopping = {
      ...first.options,
      trainEpoch: async (step: CountingStep, epoch: number) => {
        if (epoch === 2) throw interrupted;
        return first.options.trainEpoch(step, epoch);
      },
    };
    await expect(runEpochs(stopping)).rejects.toBe(interrupted);
    expect(first.steps[0]?.closed).toBe(true);
    // As when the kill came between the lines of epoch 2 and its checkpoint.
    await first.run.appendMetrics({ stage: "classifier", epoch: 2, split: "train", values: { loss: 9 } });

    const second = await loop([3, 1, 2, 4], 9, first.run.root);
    const { weights, progress } = await runEpochs(second.options);
    expect(second.trained).toEqual([2, 3]);
    expect(second.steps[0]?.stepsTaken).toBe(40);
    expect(weightOf(weights)).toBe(20);
    expect(progress).toMatchObject({ epochsDone: 4, bestEpoch: 1 });
    expect((await second.run.metrics()).map(({ epoch, values }) => [epoch, values.loss])).toEqual([
      [0, 1],
      [0, 3],
      [1, 0.5],
      [1, 1],
      [2, 1 / 3],
      [2, 2],
      [3, 0.25],
      [3, 4],
    ]);
  });

  it("resumes with the optimizer's state", async () => {
    const { options, run } = await loop([3, 1], 9);
    await runEpochs(options);
    const saved = await readCheckpoint(checkpointFile(run, "classifier"));
    expect(saved?.current.get("optimizer:first:weight")?.data).toEqual(Float32Array.of(40));
    expect(saved?.best.has("optimizer:first:weight")).toBe(false);
  });

  it("compiles nothing when its checkpoint is complete already", async () => {
    const first = await loop([3, 1], 9);
    await runEpochs(first.options);
    const second = await loop([3, 1], 9, first.run.root);
    const { weights } = await runEpochs(second.options);
    expect(second.steps).toEqual([]);
    expect(weightOf(weights)).toBe(20);
  });

  it("ends at a safe point when it is aborted, with the epoch kept", async () => {
    const { options, run } = await loop([3, 2, 1], 9);
    const controller = new AbortController();
    const aborting = {
      ...options,
      signal: controller.signal,
      validate: async (weights: Weights, epoch: number) => {
        controller.abort();
        return options.validate(weights, epoch);
      },
    };
    await expect(runEpochs(aborting)).rejects.toMatchObject({ name: "AbortError" });
    expect((await readCheckpoint(checkpointFile(run, "classifier")))?.progress.epochsDone).toBe(1);
  });

  it("refuses a criterion that is not a number and keeps the checkpoint before", async () => {
    const { options, run } = await loop([3, Number.NaN, 1], 9);
    const message = await errorOf(runEpochs(options));
    expect(message).toContain("[numerical] classifier: the loss became NaN in epoch 2");
    expect(message).toContain("Lower classifier.learningRate");
    expect((await readCheckpoint(checkpointFile(run, "classifier")))?.progress.epochsDone).toBe(1);
  });
});

describe("a checkpoint", () => {
  const checkpoint = {
    progress: { epochsDone: 2, stepsTaken: 9, bestEpoch: 0, bestCriterion: 0.1 + 0.2 },
    current: new Map([["a", floatTensor([2], Float32Array.of(1, Math.PI))]]),
    best: new Map([["a", floatTensor([2], Float32Array.of(3, 4))]]),
  };

  async function folder(): Promise<string> {
    const root = await makeFolder();
    onTestFinished(() => removeFolders([root]));
    return root;
  }

  it("is read back as it was written, and absent before and after", async () => {
    const run = await newRun(await folder());
    const file = checkpointFile(run, "round-1");
    expect(await readCheckpoint(file)).toBeUndefined();
    await writeCheckpoint(file, checkpoint);
    expect(await readCheckpoint(file)).toEqual(checkpoint);
    await removeCheckpoint(run, "round-1");
    expect(await exists(file)).toBe(false);
    await removeCheckpoint(run, "round-1");
  });

  it.each([
    ["truncated", async (file: string) => truncate(file, (await readFile(file)).length - 3)],
    ["empty", async (file: string) => truncate(file, 0)],
    ["other text", async (file: string) => writeFile(file, "not a checkpoint at all")],
  ])("that is %s is refused with what to do", async (_name, damage) => {
    const file = join(await folder(), "classifier.safetensors");
    await writeCheckpoint(file, checkpoint);
    await damage(file);
    const message = await errorOf(readCheckpoint(file));
    expect(message).toContain(`[run-directory] ${file}: is not a whole training checkpoint`);
    expect(message).toContain("Delete the file and run again with `resume: true`");
  });
});
