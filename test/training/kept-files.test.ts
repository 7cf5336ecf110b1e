import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hashFile } from "../../src/common/index.js";
import { stageNames } from "../../src/contract/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { openSegmenter } from "../../src/inference/index.js";
import { exportFromRun, openRun, type RunDirectory } from "../../src/run/index.js";
import { embed, evaluateSplit, planEmbedding } from "../../src/training/index.js";
import {
  errorOf,
  forkRun,
  hashesOf,
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  tinyConfig,
  trainTiny,
  withoutHashes,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const encoder = quickEncoder;
/** The same encoder, which nobody needs to open where its embeddings are computed before. */
const closed = {
  ...encoder,
  open: () => Promise.reject(new Error("an embedding is computed in training")),
};
const stages = stageNames(1);

let folder: string;
let data: string;
let whole: RunDirectory;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  const config = tinyConfig({
    classifier: { epochs: 1 },
    decoder: { epochs: 1 },
    cache: { directory: join(folder, "cache") },
  });
  const reporter = recordingReporter();
  await embed(await planEmbedding({ data, config, reporter, encoder }), {
    device: device("cpu"),
    reporter,
    encoder,
  });
  ({ run: whole } = await trainTiny({ data, out: join(folder, "whole"), config, encoder: closed }));
});

afterAll(() => removeFolders([folder]));

/** A copy of the run with the stages from one on undone. */
async function copyOf(name: string, from = stages.length) {
  const out = join(folder, name);
  const config = await forkRun(whole, out, { undone: stages.slice(from) });
  return { out, config };
}

async function flip(file: string): Promise<void> {
  const bytes = await readFile(file);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0x10;
  await writeFile(file, bytes);
}

function open(out: string) {
  return openRun(out, { device: device("cpu"), reporter: recordingReporter() });
}

/** The first file of a folder of the run, as a path inside it. */
async function firstFile(path: string, beginning = ""): Promise<string> {
  const names = (await readdir(whole.path(path))).sort();
  return join(path, names.find((name) => name.startsWith(beginning) && name !== "hashes.json") ?? "none");
}

it("training found every embedding that was computed before it", () => {
  expect(Object.values(whole.record.stages).map(({ state }) => state)).toEqual(stages.map(() => "done"));
});

it("run.json has the hashes of weights and, by a list, of masks and activation maps", async () => {
  const recorded = Object.values(whole.record.stages).flatMap(({ files }) => Object.entries(files ?? {}));
  expect(recorded.map(([file]) => file)).toEqual([
    "classifier.safetensors",
    "masks/initial/hashes.json",
    "activation-maps/hashes.json",
    "decoder-preliminary.safetensors",
    "decoder-round-1.safetensors",
    "masks/round-1/hashes.json",
  ]);
  for (const [file, hash] of recorded) expect(await hashFile(whole.path(file))).toBe(hash);
  const list = JSON.parse(await readFile(whole.path("masks/initial/hashes.json"), "utf8"));
  expect(list).toEqual(await hashesOf(whole.path("masks/initial"), ".png"));
  expect(Object.keys(list)).toHaveLength(8);
});

describe("a flipped byte ends a resumed training before it computes", () => {
  it.each(["classifier.safetensors", "decoder-preliminary.safetensors", "masks/initial/hashes.json"])(
    "in %s",
    async (path) => expectRefused(path),
  );

  it.each(["masks/initial", "activation-maps"])("in a file of %s", async (path) =>
    expectRefused(await firstFile(path, "train-tumour")),
  );

  async function expectRefused(path: string): Promise<void> {
    const { out, config } = await copyOf(`flipped ${path.replaceAll("/", " ")}`, 3);
    const file = join(out, path);
    await flip(file);
    const before = await hashesOf(out);
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toMatch(/^\[(run-directory|weights)\] .* as training left it/);
    expect(message).toContain(file);
    expect(message).toContain(await hashFile(file));
    expect(await hashesOf(out)).toEqual(before);
  }

  it("in a pseudo-label of a finished round, which may be deleted", async () => {
    const { out, config } = await copyOf("flipped pseudo-label");
    const file = join(out, await firstFile("masks/round-1", "train"));
    await flip(file);
    const resume = () => trainTiny({ data, out, config, encoder, resume: true });
    expect(await errorOf(resume())).toContain(file);
    await rm(file);
    await resume();
  });

  it("in a pseudo-label and an activation map of stages that are not done yet", async () => {
    const late = await copyOf("late", 3);
    const mask = join(late.out, await firstFile("masks/round-1", "train"));
    await flip(mask);
    const ofMask = await errorOf(trainTiny({ ...late, data, encoder, resume: true }));
    expect(ofMask).toContain(`[run-directory] ${mask}`);
    expect(ofMask).toContain("Delete the file and go on");

    const early = await copyOf("early", 1);
    const map = join(early.out, await firstFile("activation-maps", "train-tumour"));
    await flip(map);
    const ofMap = await errorOf(trainTiny({ ...early, data, encoder, resume: true }));
    expect(ofMap).toContain(`[run-directory] ${map}`);
    expect(ofMap).toContain("Delete the file");
  });
});

describe("a flipped byte in weights is noticed by whoever uses them", () => {
  it.each(["classifier.safetensors", "decoder-round-1.safetensors"])("%s", async (name) => {
    const { out } = await copyOf(`used ${name}`);
    const file = join(out, name);
    await flip(file);
    const expected = `${file}: is not as training left it`;
    const part = name.startsWith("classifier") ? "classifier" : "decoder";
    expect(await errorOf(openSegmenter(out))).toContain(expected);
    const context = { ...(await open(out)), encoder };
    expect(await errorOf(evaluateSplit(context, await openDataset(data), "test"))).toContain(expected);
    const options = { part, format: "safetensors", out: join(folder, name), overwrite: false } as const;
    expect(await errorOf(exportFromRun(context, options))).toContain(expected);
  });

  it("and in an activation map by an evaluation", async () => {
    const { out } = await copyOf("evaluated");
    const file = join(out, await firstFile("activation-maps", "test-tumour"));
    await flip(file);
    const context = { ...(await open(out)), encoder };
    expect(await errorOf(evaluateSplit(context, await openDataset(data), "test"))).toContain(file);
  });
});

it("what is deleted, as the messages advise, comes back with the same bytes", async () => {
  const { out, config } = await copyOf("deleted");
  const lost = ["decoder-preliminary.safetensors", await firstFile("masks/initial")];
  for (const file of lost) await rm(join(out, file));
  const reporter = recordingReporter();
  await trainTiny({ data, out, config, encoder, reporter, resume: true });
  for (const file of lost)
    expect(await hashFile(join(out, file)), file).toBe(await hashFile(whole.path(file)));
  expect(reporter.notes.join("\n")).toContain("preliminary: files that it left are gone");
  expect(reporter.notes.join("\n")).toContain("round-1: done already");
  expect(reporter.warnings.join("\n")).not.toContain("preliminary: was run again and gave another decoder");
});

it("a run without hashes opens, and a note says so once", async () => {
  const { out, config } = await copyOf("old");
  await withoutHashes(out);
  const reporter = recordingReporter();
  await trainTiny({ data, out, config, encoder, reporter, resume: true });
  const notes = reporter.notes.filter((note) => note.includes("has no hashes of classifier, preliminary"));
  expect(notes).toHaveLength(1);
});
