import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { stageNames } from "../../src/contract/index.js";
import { readMask } from "../../src/imaging/index.js";
import { readSafetensors, type StateDict, stateDictOf } from "../../src/models/index.js";
import { readActivation } from "../../src/run/activation-files.js";
import { mergeRecords, RunDirectory } from "../../src/run/index.js";
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
/** Rounding alone: both train on the same patches in the same order, and draw points from the same activation maps. */
const TOLERANCE = 1e-4;

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
  let onWebGpu: RunDirectory;
  let onCpu: RunDirectory;
  /** Levels of 255 by which the activation maps differ at most. */
  let mapDifference = 0;

  async function trainOn(device: "cpu" | "webgpu", out: string, more: readonly string[] = []): Promise<void> {
    const files = ["--data", join(folder, "data"), "--config", join(folder, "config.json")];
    const parameters = ["train", ...files, "--out", join(folder, out), "--device", device, ...more];
    const ended: ChildOutput = await runWithWebGpu(gpu, program, parameters, { keepSessions: true });
    expect(ended.code, ended.errors.slice(-2000)).toBe(0);
  }

  const maps = (out: string) => join(folder, out, "activation-maps");

  async function compareMaps(): Promise<number> {
    const names = (await readdir(maps("cpu"))).filter((name) => name.endsWith(".safetensors"));
    const differences = names.map(async (file) => {
      const [expected, actual] = await Promise.all(
        ["cpu", "webgpu"].map((out) => readActivation(join(maps(out), file))),
      );
      const levels = expected?.levels.data.map((level, index) =>
        Math.abs(level - (actual?.levels.data[index] ?? Number.NaN)),
      );
      return Math.max(...(levels ?? [Number.NaN]));
    });
    return Math.max(...(await Promise.all(differences)));
  }

  /** As a run of an earlier version, whose files may have changed since. */
  async function forgetHashes(file: string, stage: string): Promise<void> {
    const record = JSON.parse(await readFile(file, "utf8"));
    delete record.stages[stage].files;
    await writeFile(file, JSON.stringify(record));
  }

  beforeAll(async () => {
    folder = await makeFolder();
    const counts = { train: 2, val: 1, test: 1 };
    await writeDataset(join(folder, "data"), { counts, without: { test: 0 } });
    await writeFile(join(folder, "config.json"), JSON.stringify(shortestOverrides));
    // Leaves the embeddings in the cache, which devices share: an encoder takes a GPU in software long.
    await trainOn("cpu", "first");
    await trainOn("webgpu", "webgpu");
    await trainOn("cpu", "cpu", ["--stage", "classifier", "initial-masks"]);
    mapDifference = await compareMaps();
    // Rounding may move a map by a level, and with it all points that are drawn from the map: so the CPU goes on from
    // the GPU's maps.
    await cp(maps("webgpu"), maps("cpu"), { recursive: true });
    await forgetHashes(join(folder, "cpu", "run.json"), "initial-masks");
    await trainOn("cpu", "cpu", ["--resume"]);
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
        expect(difference, `${stage} ${split} ${name}`).toBeLessThanOrEqual(TOLERANCE);
      }
    }
  });

  it("trains the CPU's classifier", async () => {
    const [expected, actual] = await Promise.all(
      [onCpu, onWebGpu].map((run) => tensorsOf(run, "classifier.safetensors")),
    );
    expect(expected?.size).toBeGreaterThan(100);
    expect(largestDifference(expected, actual)).toBeLessThanOrEqual(TOLERANCE);
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

  it("draws the CPU's activation maps and initial masks", async () => {
    expect(mapDifference).toBeLessThanOrEqual(1);
    const [expected, actual] = await Promise.all(
      [onCpu, onWebGpu].map((run) => readMask(run.path("masks", "initial", "train-tumour-0.png"))),
    );
    expect(actual).toEqual(expected);
  });
});
