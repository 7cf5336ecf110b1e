import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readMask } from "../../src/imaging/index.js";
import { readSafetensors, type StateDict, stateDictOf } from "../../src/models/index.js";
import { mergeRecords, RunDirectory, stageNames } from "../../src/training/index.js";
import { type ChildOutput, describeWithFastWebGpu, runWithWebGpu } from "../support/webgpu.js";
import { makeFolder, removeFolders, tinyOverrides, writeDataset } from "./fixtures.js";

const LONG = 1_800_000;
const stages = stageNames(1);
const program = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");

/** One step in each stage; without a mask prompt, whose convolutions a GPU in software takes a minute for. */
const shortestOverrides = mergeRecords(tinyOverrides, {
  classifier: { inputSize: 32, epochs: 1, batchSize: 2, samplesPerEpoch: 2 },
  decoder: { epochs: 1, batchSize: 1, maximumPatches: 1 },
  sam: { maskPrompt: "none" },
});
/** Rounding alone: the classifier is trained on the same patches in the same order. */
const CLASSIFIER_TOLERANCE = 1e-4;
/** Rounding may move an activation map by one of 255 levels, and with it the points that are drawn from the map. */
const DECODER_TOLERANCE = 0.1;

const toleranceOf = (stage: string) => (stage === "classifier" ? CLASSIFIER_TOLERANCE : DECODER_TOLERANCE);

/** The tensors that a run saved. */
async function tensorsOf(run: RunDirectory, name: string): Promise<StateDict> {
  const file = run.path(name);
  return stateDictOf((await readSafetensors(file)).tensors, { file });
}

/** The largest difference of two saved files' numbers; infinite where one is missing or not a number. */
function largestDifference(expected: StateDict | undefined, actual: StateDict | undefined): number {
  let largest = 0;
  for (const [name, { data }] of expected ?? []) {
    const other = actual?.get(name)?.data;
    for (const [index, value] of data.entries()) {
      const difference = Math.abs((other?.[index] ?? Number.NaN) - value);
      largest = Math.max(largest, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
    }
  }
  return largest;
}

describeWithFastWebGpu("epsam train --device webgpu", (gpu) => {
  let folder = "";
  let ended: ChildOutput;
  let onWebGpu: RunDirectory;
  let onCpu: RunDirectory;

  /** The CPU goes first: its run leaves the embeddings in the cache, which devices share. */
  async function trainOn(device: "cpu" | "webgpu"): Promise<ChildOutput> {
    const files = ["--data", join(folder, "data"), "--config", join(folder, "config.json")];
    const out = ["--out", join(folder, device), "--device", device];
    return runWithWebGpu(gpu, program, ["train", ...files, ...out], { keepSessions: true });
  }

  beforeAll(async () => {
    folder = await makeFolder();
    const counts = { train: 2, val: 1, test: 1 };
    await writeDataset(join(folder, "data"), { counts, without: { test: 0 } });
    await writeFile(join(folder, "config.json"), JSON.stringify(shortestOverrides));
    const cpuEnded = await trainOn("cpu");
    expect(cpuEnded.code, cpuEnded.errors).toBe(0);
    ended = await trainOn("webgpu");
    expect(ended.code, ended.errors.slice(-2000)).toBe(0);
    [onCpu, onWebGpu] = await Promise.all([
      RunDirectory.open(join(folder, "cpu")),
      RunDirectory.open(join(folder, "webgpu")),
    ]);
  }, LONG);

  afterAll(() => removeFolders([folder]));

  it(`passes through every stage there: ${stages.join(", ")}`, () => {
    expect(onWebGpu.record.device).toMatchObject({ name: "webgpu" });
    expect(Object.keys(onWebGpu.record.stages)).toEqual(stages);
    for (const { state } of Object.values(onWebGpu.record.stages)) expect(state).toBe("done");
  });

  it("gives the losses and scores of the CPU", async () => {
    const [expected, actual] = await Promise.all([onCpu.metrics(), onWebGpu.metrics()]);
    expect(expected.length).toBe(6);
    expect(actual.map(({ stage, split }) => [stage, split])).toEqual(
      expected.map(({ stage, split }) => [stage, split]),
    );
    for (const [index, { stage, split, values }] of expected.entries()) {
      for (const [name, value] of Object.entries(values)) {
        const difference = Math.abs((actual[index]?.values[name] ?? Number.NaN) - value);
        expect(difference, `${stage} ${split} ${name}`).toBeLessThanOrEqual(toleranceOf(stage));
      }
    }
  });

  it("trains the CPU's classifier", async () => {
    const [expected, actual] = await Promise.all(
      [onCpu, onWebGpu].map((run) => tensorsOf(run, "classifier.safetensors")),
    );
    expect(expected?.size).toBeGreaterThan(100);
    expect(largestDifference(expected, actual)).toBeLessThanOrEqual(CLASSIFIER_TOLERANCE);
  });

  it("saves a decoder that its rounds have moved", async () => {
    const [preliminary, last] = await Promise.all(
      ["decoder-preliminary", "decoder-round-1"].map((name) => tensorsOf(onWebGpu, `${name}.safetensors`)),
    );
    expect(last?.size).toBeGreaterThan(100);
    const moved = largestDifference(preliminary, last);
    expect(moved).toBeGreaterThan(0);
    // Each stage takes a step from the same decoder: two steps, and a little decay.
    expect(moved).toBeLessThan(3 * tinyOverrides.decoder.learningRate);
  });

  it("draws the CPU's initial masks", async () => {
    const [expected, actual] = await Promise.all(
      [onCpu, onWebGpu].map((run) => readMask(run.path("masks", "initial", "train-tumour-0.png"))),
    );
    expect(actual).toEqual(expected);
  });
});
