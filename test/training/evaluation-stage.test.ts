import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import { openDataset, type PatchRecord } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { type Mask, readMask } from "../../src/imaging/index.js";
import { type ConfigOverrides, readEvaluation } from "../../src/run/index.js";
import { evaluateRun } from "../../src/training/evaluation-stage.js";
import {
  makeFolder,
  newRun,
  PATCH_SIZE,
  patchCounts,
  removeFolders,
  tinyConfig,
  writeDataset,
} from "./fixtures.js";

function emptyMask(): Mask {
  return { width: PATCH_SIZE, height: PATCH_SIZE, data: new Uint8Array(PATCH_SIZE * PATCH_SIZE) };
}

/** A predictor with one stage that finds exactly the tumour and one that finds nothing. */
const madeUp = {
  stages: ["perfect", "blind"],
  predict: async ({ maskPath, label }: PatchRecord, stages: readonly string[] = ["perfect", "blind"]) => {
    const truth = maskPath === null ? emptyMask() : await readMask(maskPath).catch(emptyMask);
    const all: Record<string, Mask> = { perfect: truth, blind: emptyMask() };
    const masks = Object.fromEntries(stages.map((stage) => [stage, all[stage] ?? emptyMask()]));
    return { probability: label === 1 ? 0.9 : 0.2, masks };
  },
};

async function evaluated(
  masks: readonly ("train" | "val" | "test")[],
  change: (data: string) => Promise<void> = async () => undefined,
  overrides: ConfigOverrides = {},
) {
  const folder = await makeFolder();
  onTestFinished(() => removeFolders([folder]));
  const data = await writeDataset(join(folder, "data"), { masks });
  await change(data);
  const dataset = await openDataset(data);
  const run = await newRun(join(folder, "run"));
  const context = { run, config: tinyConfig(overrides), device: device("cpu"), reporter: silentReporter };
  const out = join(folder, "figures");
  const again = () => evaluateRun(context, dataset, "test", madeUp, out);
  return { data, out, evaluation: await again(), again };
}

it("gives every stage the figures of its masks", async () => {
  const { out, evaluation } = await evaluated(["test"]);
  const patches = 2 * patchCounts.test;
  expect(evaluation).toMatchObject({ split: "test", patches, missing: null });
  expect(evaluation.classification.metrics.accuracy?.value).toBe(1);
  const [perfect, blind] = evaluation.stages;
  expect([perfect?.stage, blind?.stage]).toEqual(["perfect", "blind"]);
  expect(perfect?.summary?.metrics.meanIou?.value).toBeCloseTo(1, 12);
  expect(blind?.summary?.metrics.recall?.value).toBe(0);
  expect(await readEvaluation(out, "test")).toMatchObject({ evaluation });
});

it("writes a line for every patch that adds up to the patch's pixels", async () => {
  const { out } = await evaluated(["test"]);
  const [header = "", ...lines] = (await readFile(join(out, "test-patches.csv"), "utf8")).trim().split("\n");
  const names = header.split(",");
  expect(lines).toHaveLength(2 * patchCounts.test);
  for (const line of lines) {
    const cells = new Map(line.split(",").map((cell, index) => [names[index], cell]));
    for (const stage of madeUp.stages) {
      const counts = ["tp", "fp", "fn", "tn"].map((name) => Number(cells.get(`${stage}_${name}`)));
      expect(counts.reduce((sum, value) => sum + value, 0)).toBe(PATCH_SIZE ** 2);
    }
    expect(Number(cells.get("perfect_fp")) + Number(cells.get("perfect_fn"))).toBe(0);
    expect(Number(cells.get("blind_tp"))).toBe(0);
  }
});

it("judges the classifier alone, and says why, when there are no pixel masks", async () => {
  const { evaluation } = await evaluated([]);
  expect(evaluation.missing).toBe("the split test has no pixel masks for its positive patches");
  expect(evaluation.stages.map(({ summary }) => summary)).toEqual([null, null]);
  expect(evaluation.classification.metrics.accuracy?.value).toBe(1);
});

it.each([
  [0, 0.5],
  [0.3, 0.3],
])("with a gate of %d judges the classifier at %d", async (gate, threshold) => {
  const { evaluation } = await evaluated([], undefined, { gate });
  expect(evaluation).toMatchObject({ gate, classification: { threshold } });
  expect(evaluation.classification.metrics.specificity?.value).toBe(1);
});

it.each([
  ["missing", (path: string) => rm(path), "is a positive patch without a mask"],
  ["damaged", (path: string) => writeFile(path, "no mask"), "cannot be decoded as an image"],
] as const)("names a mask that is %s, and computes over the rest", async (_, harm, reason) => {
  const mask = (data: string) => join(data, "test", "mask", "test-tumour-0_1.png");
  const { data, out, evaluation } = await evaluated(["test"], (folder) => harm(mask(folder)));
  const file = reason.startsWith("is a") ? mask(data).replace("mask", "image") : mask(data);
  expect(evaluation.skipped).toEqual([{ file, reason: expect.stringMatching(reason) }]);
  expect(evaluation.missing).toBeNull();
  const [perfect] = evaluation.stages;
  expect(perfect?.summary).toMatchObject({
    patches: 2 * patchCounts.test - 1,
    positives: patchCounts.test - 1,
  });
  expect(perfect?.summary?.metrics.positiveDice?.value).toBeCloseTo(1, 12);
  expect(evaluation.classification.patches).toBe(2 * patchCounts.test);
  const read = await readEvaluation(out, "test");
  expect(read).toMatchObject({ evaluation });
  expect(read?.patches.find(({ id }) => id === "test-tumour-0")?.confusions).toEqual({});
});

it("keeps earlier figures that differ, and only those", async () => {
  const { data, out, again } = await evaluated(["test"]);
  const before = await readFile(join(out, "test.json"), "utf8");
  await again();
  expect((await readdir(out)).sort()).toEqual(["masks", "test-patches.csv", "test.json"]);
  await rm(join(data, "test", "mask", "test-tumour-0_1.png"));
  expect((await again()).skipped).toHaveLength(1);
  expect(await readFile(join(out, "test-earlier-1.json"), "utf8")).toBe(before);
  expect((await readdir(out)).sort()).toContain("test-patches-earlier-1.csv");
});
