import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { stringify } from "yaml";
import { exists, silentReporter } from "../../src/common/index.js";
import { stageNames } from "../../src/contract/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { readMask } from "../../src/imaging/index.js";
import { readSafetensors } from "../../src/models/index.js";
import { evaluationFiles, hashConfig, openRun, type RunDirectory } from "../../src/run/index.js";
import { evaluateSplit } from "../../src/training/index.js";
import { builtPath, ensureBuilt } from "../support/build.js";
import {
  errorOf,
  forkRun,
  hashesOf,
  makeFolder,
  removeFolders,
  tinyConfig,
  tinyOverrides,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 1_800_000 });

/** One uninterrupted run that the others are compared with. */
let folder: string;
let reference: RunDirectory;

beforeAll(async () => {
  folder = await makeFolder();
  await writeDataset(join(folder, "data"));
  const { run } = await trainTiny({ data: join(folder, "data"), out: join(folder, "reference") });
  reference = run;
});

afterAll(() => removeFolders([folder]));

/** The files that decide and tell a run's result, by path. */
async function resultHashes(root: string): Promise<Record<string, string>> {
  const hashes = await hashesOf(root);
  const isResult = (path: string) => path !== "run.json" && path !== "report.html";
  return Object.fromEntries(Object.entries(hashes).filter(([path]) => isResult(path)));
}

describe("an uninterrupted run", () => {
  it("leaves the documented files", async () => {
    const names = await readdir(reference.root);
    expect(names.sort()).toEqual([
      "activation-maps",
      "checkpoints",
      "classifier.safetensors",
      "decoder-preliminary.safetensors",
      "decoder-round-1.safetensors",
      "evaluation",
      "masks",
      "metrics.jsonl",
      "run.json",
    ]);
    expect(await readdir(reference.path("checkpoints"))).toEqual([]);
    const initial = await readdir(reference.path("masks", "initial"));
    expect(initial).toContain("hashes.json");
    expect(initial.filter((name) => name !== "hashes.json")).toHaveLength(8);
    const round = await readdir(reference.path("masks", "round-1"));
    expect(round).toEqual(expect.arrayContaining(["hashes.json", "scores.csv"]));
    expect(round).toHaveLength(2 + tinyOverrides.decoder.maximumPatches);
  });

  it("says in run.json where its results come from", async () => {
    const { record } = reference;
    expect(record.config).toEqual(tinyConfig());
    expect(record.configHash).toBe(hashConfig(tinyConfig()));
    expect(record.dataset).toMatchObject({ root: join(folder, "data"), patchSize: 64 });
    expect(record.dataset.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(record.weights.map(({ file }) => file)).toEqual(
      expect.arrayContaining(["encoder.onnx", "sam.onnx"]),
    );
    for (const { sha256 } of record.weights) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(Object.keys(record.versions)).toEqual(
      expect.arrayContaining(["ep-sam", "node", "onnxruntime-node"]),
    );
    expect(record.device).toMatchObject({ name: "cpu" });
    expect(Object.keys(record.stages)).toEqual(stageNames(1));
    for (const stage of Object.values(record.stages)) expect(stage.state).toBe("done");
    expect(record.stages.preliminary?.summary).toMatchObject({
      epochs: 2,
      validation: "loss against initial masks",
    });
    expect(record.stages["round-1"]?.summary).toMatchObject({
      candidates: 4,
      pseudoLabels: 2,
      trainingPatches: 2,
    });
  });

  it("keeps the figures of every epoch", async () => {
    const lines = await reference.metrics();
    expect(lines.map(({ stage, epoch, split }) => `${stage} ${epoch} ${split}`)).toEqual(
      ["classifier", "preliminary", "round-1"].flatMap((stage) => [
        `${stage} 0 train`,
        `${stage} 0 val`,
        `${stage} 1 train`,
        `${stage} 1 val`,
      ]),
    );
    for (const { values } of lines) {
      for (const value of Object.values(values)) expect(Number.isFinite(value)).toBe(true);
    }
  });

  it("names its weights as the original does, and trains the mask decoder alone", async () => {
    const classifier = await readSafetensors(reference.path("classifier.safetensors"));
    expect(classifier.tensors.get("conv1.weight")?.shape).toEqual([64, 4, 7, 7]);
    const decoder = await readSafetensors(reference.path("decoder-round-1.safetensors"));
    expect(decoder.tensors.size).toBeGreaterThan(100);
    for (const name of decoder.tensors.keys()) expect(name).toMatch(/^mask_decoder\./);
    expect(decoder.metadata.get("stage")).toBe("round-1");
    expect(decoder.metadata.get("datasetHash")).toBe(reference.record.dataset.hash);
  });
});

describe("pixel masks and tumour fractions of training patches", () => {
  it("do not influence anything: without them the same stages, one by one, give the same bytes", async () => {
    const data = await writeDataset(join(folder, "weak"), { masks: ["test"], tumourFraction: false });
    const out = join(folder, "weak-run");
    const stages = stageNames(1).filter((stage) => stage !== "evaluation");
    for (const stage of stages) {
      if (stage === "initial-masks") {
        const message = await errorOf(trainTiny({ data, out, resume: true, stages: ["round-1"] }));
        expect(message).toContain(
          "the stage round-1 needs stages that are not done: initial-masks, preliminary",
        );
      }
      await trainTiny({ data, out, resume: stage !== stages[0], stages: [stage] });
    }
    const isTraining = ([path]: [string, string]) =>
      !path.startsWith("evaluation") && !path.includes("test-");
    const expected = Object.entries(await resultHashes(reference.root)).filter(isTraining);
    expect(await resultHashes(out)).toEqual(Object.fromEntries(expected));
  });
});

it("patches of another size than those of training are judged at their own size", async () => {
  const root = await writeDataset(join(folder, "larger"), { patchSize: 96 });
  const dataset = await openDataset(root, { warn: () => undefined });
  const run = join(folder, "judged");
  await forkRun(reference, run, { undone: [] });
  const context = await openRun(run, { device: device("cpu"), reporter: silentReporter });
  const out = join(folder, "larger-evaluation");
  const { stages, patches } = await evaluateSplit(context, dataset, "test", out);
  expect(patches).toBe(4);
  expect(stages.map(({ stage }) => stage)).toEqual(["initial-masks", "untrained", "preliminary", "round-1"]);
  for (const { stage, summary } of stages) {
    expect(summary?.metrics.meanIou?.value, stage).toBeGreaterThanOrEqual(0);
    const mask = await readMask(evaluationFiles(out, "test").mask(stage, "test-tumour-0"));
    expect([mask.width, mask.height], stage).toEqual([96, 96]);
  }
  const map = join("activation-maps", dataset.hash.slice(0, 16), "test-tumour-0.safetensors");
  const { tensors } = await readSafetensors(join(run, map));
  expect(tensors.get("levels")?.shape).toEqual([6, 6]);
});

it("another seed gives other weights", async () => {
  const out = join(folder, "other-seed");
  await trainTiny({
    data: join(folder, "data"),
    out,
    config: tinyConfig({ seed: 1 }),
    stages: ["classifier"],
  });
  const name = "classifier.safetensors";
  expect((await hashesOf(out, name))[name]).not.toBe((await hashesOf(reference.root, name))[name]);
});

it("a decoder prompted with points alone learns something else than one that also sees the activation map", async () => {
  const out = join(folder, "points-alone");
  const undone = ["preliminary", "round-1", "evaluation"];
  const config = await forkRun(reference, out, { undone, overrides: { sam: { maskPrompt: "none" } } });
  await trainTiny({ data: join(folder, "data"), out, config, resume: true, stages: ["preliminary"] });
  const name = "decoder-preliminary.safetensors";
  expect((await hashesOf(out, name))[name]).not.toBe((await hashesOf(reference.root, name))[name]);
});

describe("a run that is killed again and again", () => {
  beforeAll(ensureBuilt);

  it("resumes to the bytes of an uninterrupted one", async () => {
    const out = join(folder, "killed");
    const config = join(folder, "config.yaml");
    await writeFile(config, stringify(tinyOverrides));
    const begin = ["train", "--data", join(folder, "data"), "--out", out, "--config", config];
    const resume = ["train", "--data", join(folder, "data"), "--out", out, "--resume"];
    const checkpoint = (stage: string) => () => exists(join(out, "checkpoints", `${stage}.safetensors`));

    await stopWhen(start(begin), checkpoint("classifier"), "SIGKILL");
    expect(await stageStates(out)).toEqual({ classifier: "running" });
    await stopWhen(start(resume), checkpoint("preliminary"), "SIGKILL");
    expect(await stageStates(out)).toMatchObject({ "initial-masks": "done", preliminary: "running" });
    await stopWhen(start(resume), async () => (await pngFiles(join(out, "masks", "round-1"))) > 1, "SIGKILL");
    expect(await stageStates(out)).toMatchObject({ preliminary: "done", "round-1": "running" });
    expect(await exists(join(out, "masks", "round-1", "scores.csv"))).toBe(false);
    const interrupted = await stopWhen(start(resume), checkpoint("round-1"), "SIGINT");
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toContain("Go on with the same command and --resume.");
    expect(await exists(join(out, "run.lock"))).toBe(false);

    const finished = await ended(start(resume));
    expect(finished.code, finished.stderr).toBe(0);
    expect(await resultHashes(out)).toEqual(await resultHashes(reference.root));
  });
});

interface Started {
  readonly child: ChildProcess;
  readonly written: { stdout: string; stderr: string };
}

function start(args: readonly string[]): Started {
  const child = spawn(process.execPath, [builtPath("cli", "main.js"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  // A failed expectation must not leave a training behind.
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk) => {
      written[name] += String(chunk);
    });
  }
  return { child, written };
}

async function ended({ child, written }: Started): Promise<{ code: number | null; stderr: string }> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "close");
  return { code: child.exitCode, stderr: written.stderr };
}

/** Sends a signal as soon as the condition holds; fails when the process ends before. */
async function stopWhen(started: Started, condition: () => Promise<boolean>, signal: NodeJS.Signals) {
  const { child, written } = started;
  while (!(await condition())) {
    if (child.exitCode !== null)
      throw new Error(`ended too early with ${child.exitCode}:\n${written.stderr}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  child.kill(signal);
  const result = await ended(started);
  if (signal === "SIGKILL") expect(child.signalCode).toBe("SIGKILL");
  return result;
}

async function stageStates(out: string): Promise<Record<string, string>> {
  const { stages } = JSON.parse(await readFile(join(out, "run.json"), "utf8"));
  const entries = Object.entries<{ state: string }>(stages);
  return Object.fromEntries(entries.map(([name, { state }]) => [name, state]));
}

async function pngFiles(path: string): Promise<number> {
  if (!(await exists(path))) return 0;
  return (await readdir(path)).filter((name) => name.endsWith(".png") && !name.startsWith(".")).length;
}
