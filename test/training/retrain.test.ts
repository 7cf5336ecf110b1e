import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hashFile } from "../../src/common/index.js";
import { openDataset, type PatchRecord } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import {
  compareWithOrigin,
  hashConfig,
  mergeRecords,
  type RunDirectory,
  resolveConfig,
} from "../../src/run/index.js";
import { correctedMasks } from "../../src/training/corrected-masks.js";
import { type RetrainOptions, retrainWithCorrections } from "../../src/training/index.js";
import { makeTinyRun } from "../support/tiny-run.js";
import {
  errorOf,
  hashesOf,
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let folder: string;
let data: string;
let corrections: string;
let origin: RunDirectory;
let first: RunDirectory;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  corrections = await corrected(join(folder, "corrections"), (line) => line.replaceAll("train-", "case-"));
  origin = await makeTinyRun(join(folder, "origin"));
  await adopt(origin, data);
  first = (await retrainWithCorrections(optionsFor("first"))).run;
});

afterAll(() => removeFolders([folder]));

/** Patches of other slides than the run's, or of those that the lines of the manifest are made to name. */
async function corrected(root: string, rename: (line: string) => string): Promise<string> {
  await writeDataset(root);
  const path = join(root, "manifest.csv");
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  // Slide and patient, not the id, which names the files.
  const renamed = lines.map((line) => {
    const [id = "", ...rest] = line.split(",");
    return [id, rename(rest.join(","))].join(",");
  });
  const trainAlone = renamed.filter((line) => !/,(val|test)\s*$/.test(line));
  await writeFile(path, `${trainAlone.join("\n")}\n`);
  return root;
}

/** Makes a made-up run one of these data, with few and short epochs. */
async function adopt(run: RunDirectory, root: string): Promise<void> {
  const { hash, patchSize } = await openDataset(root);
  const short = {
    decoder: { epochs: 2, batchSize: 2, maximumPatches: 4 },
    cache: { directory: join(folder, "embeddings") },
  };
  const config = resolveConfig("paper-small", mergeRecords(run.record.config, short));
  const record = {
    ...run.record,
    config,
    configHash: hashConfig(config),
    dataset: { root, hash, patchSize },
  };
  await writeFile(run.path("run.json"), JSON.stringify(record));
}

function optionsFor(out: string, changes: Partial<RetrainOptions> = {}): RetrainOptions {
  return {
    from: origin.root,
    corrections,
    out: join(folder, out),
    resume: false,
    device: device("cpu"),
    reporter: recordingReporter(),
    encoder: quickEncoder,
    ...changes,
  };
}

describe("a round with corrections", () => {
  it("is a run of its own with the earlier stages in it, and says which masks it learnt from", async () => {
    const { record } = first;
    expect(Object.entries(record.stages).map(([stage, { state }]) => [stage, state])).toEqual([
      ["classifier", "done"],
      ["initial-masks", "done"],
      ["preliminary", "done"],
      ["round-1", "done"],
      ["evaluation", "done"],
    ]);
    expect(record.retraining?.from).toMatchObject({ root: origin.root, stage: "preliminary" });
    expect(record.stages["round-1"]?.summary).toMatchObject({ correctedMasks: 6, candidates: 4 });
    expect(record.retraining?.masks).toHaveLength(6);
    for (const { patch, sha256 } of record.retraining?.masks ?? []) {
      expect(await hashFile(join(corrections, "train", "mask", `${patch}_1.png`))).toBe(sha256);
    }
    const [before, after] = ["preliminary", "round-1"].map((stage) =>
      first.path(`decoder-${stage}.safetensors`),
    );
    expect(await hashFile(before ?? "")).toBe(await hashFile(origin.path("decoder-preliminary.safetensors")));
    expect(await hashFile(after ?? "")).not.toBe(await hashFile(before ?? ""));
  });

  it("is compared with the stage it started from, on the same patches", async () => {
    const comparison = await compareWithOrigin(first);
    expect(comparison).toMatchObject({ before: "preliminary", after: "round-1", patches: 4 });
    for (const { before, after, difference } of comparison?.figures ?? []) {
      if (before === null || after === null) continue;
      expect(difference?.value).toBeCloseTo(after - before, 9);
    }
    expect(comparison?.figures.find(({ name }) => name === "dice")?.difference).not.toBeNull();
    expect(await compareWithOrigin(origin)).toBeNull();
  });

  it("goes on after an interruption with the same result, and changes nothing of its origin", async () => {
    const before = await hashesOf(origin.root);
    const stop = new AbortController();
    const reporter = recordingReporter();
    const cutOff = {
      ...reporter,
      progress: ({ task, done }: { task: string; done: number }) => {
        if (task.startsWith("round-1: epoch 2") && done === 1) stop.abort();
      },
    };
    const options = optionsFor("cut", { reporter: cutOff, signal: stop.signal });
    await expect(retrainWithCorrections(options)).rejects.toThrow();
    expect(await errorOf(trainTiny({ data, out: options.out, resume: true }))).toMatch(
      /is a round with corrections.*`from: /,
    );
    expect(await errorOf(retrainWithCorrections(optionsFor("cut", { resume: true, seed: 7 })))).toMatch(
      /was begun from another run, with other corrections or another seed/,
    );
    const { run } = await retrainWithCorrections(optionsFor("cut", { resume: true }));
    for (const file of [
      "decoder-round-1.safetensors",
      "metrics.jsonl",
      join("evaluation", "test-patches.csv"),
    ]) {
      expect(await hashFile(run.path(file))).toBe(await hashFile(first.path(file)));
    }
    expect(await hashesOf(origin.root)).toEqual(before);
    expect(await errorOf(retrainWithCorrections(optionsFor("cut")))).toMatch(/already holds a run/);
  });

  it("refuses corrections of another size, without tumour, or of held-back patients alone", async () => {
    const other = await writeDataset(join(folder, "other-size"), { patchSize: 32 });
    const refusal = (root: string) =>
      errorOf(retrainWithCorrections(optionsFor("refused", { corrections: root })));
    expect(await refusal(other)).toMatch(/\[dataset\].*has patches of 32 pixels, the run has 64/);
    const normal = await writeDataset(join(folder, "normal"), { without: { train: 1, val: 1, test: 1 } });
    expect(await refusal(normal)).toMatch(/no corrected patch with tumour/);
    const held = await corrected(join(folder, "held"), (line) =>
      line.replaceAll(/train-(tumour|normal)-\d/g, "val-tumour-0"),
    );
    expect(await refusal(held)).toMatch(/12 of them of validation or test patients/);
  });
});

describe("corrected masks", () => {
  it("stand for pseudo-labels whose middle lies in a corrected patch of the same slide", async () => {
    const [base, own] = [await openDataset(data), await openDataset(corrections)];
    const patches = own.patches.map((patch, index) => ({ ...patch, slide: "slide", x: index * 64, y: 0 }));
    const masks = await correctedMasks({ ...own, patches }, base, recordingReporter());
    const at = (slide: string, x: number | null, y: number | null): PatchRecord => ({
      ...(base.patches[0] ?? patches[0] ?? ({} as never)),
      slide,
      x,
      y,
    });
    expect(masks.cover(at("slide", 20, -31))).toBe(true);
    expect(masks.cover(at("slide", 20, 32))).toBe(false);
    expect(masks.cover(at("other", 0, 0))).toBe(false);
    expect(masks.cover(at("slide", null, null))).toBe(false);
  });

  it("of patients kept for validation or test are left out with a warning", async () => {
    const [base, own] = [await openDataset(data), await openDataset(corrections)];
    const [held] = base.patches.filter(({ split }) => split === "test");
    const patches = own.patches.map((patch, index) =>
      index === 0 ? { ...patch, slide: held?.slide ?? "" } : patch,
    );
    const reporter = recordingReporter();
    const masks = await correctedMasks({ ...own, patches }, base, reporter);
    expect(reporter.warnings.join()).toMatch(/^1 corrected patches are of patients kept/);
    expect(masks.patches.every(({ patch }) => patch.slide !== held?.slide)).toBe(true);
  });
});
