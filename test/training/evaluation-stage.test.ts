import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import { openDataset, type PatchRecord } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { type Mask, readMask } from "../../src/imaging/index.js";
import { readEvaluation } from "../../src/run/index.js";
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
    const truth = maskPath === null ? emptyMask() : await readMask(maskPath);
    const all: Record<string, Mask> = { perfect: truth, blind: emptyMask() };
    const masks = Object.fromEntries(stages.map((stage) => [stage, all[stage] ?? emptyMask()]));
    return { probability: label === 1 ? 0.9 : 0.2, masks };
  },
};

async function evaluated(masks: readonly ("train" | "val" | "test")[]) {
  const folder = await makeFolder();
  onTestFinished(() => removeFolders([folder]));
  const dataset = await openDataset(await writeDataset(join(folder, "data"), { masks }));
  const run = await newRun(join(folder, "run"));
  const context = { run, config: tinyConfig(), device: device("cpu"), reporter: silentReporter };
  const out = join(folder, "figures");
  return { out, evaluation: await evaluateRun(context, dataset, "test", madeUp, out) };
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
