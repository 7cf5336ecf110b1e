import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exists } from "../../src/common/index.js";
import { camStage, untrainedStage } from "../../src/contract/index.js";
import { type Dataset, openDataset } from "../../src/dataset/index.js";
import {
  confusion,
  pairedDifferences,
  summarise,
  summariseClassification,
} from "../../src/evaluation/index.js";
import { type Mask, readMask, writeMaskPng } from "../../src/imaging/index.js";
import { assembleReport, writeRunReport } from "../../src/report/index.js";
import { writeActivation } from "../../src/run/activation-files.js";
import { evaluationFiles, type PatchFigures, writeEvaluation } from "../../src/run/evaluation-files.js";
import { RunDirectory, resolveConfig, type StageRecord } from "../../src/run/index.js";
import { writeScores } from "../../src/run/score-table.js";
import {
  emptyRecord,
  errorOf,
  makeFolder,
  PATCH_SIZE,
  tinyConfig,
  writeDataset,
} from "../training/fixtures.js";

const config = tinyConfig({ seed: 3 });
const context = (run: RunDirectory) => ({ run, config });

let folder: string;
let dataset: Dataset;

beforeAll(async () => {
  folder = await makeFolder();
  dataset = await openDataset(await writeDataset(join(folder, "data")));
}, 60_000);

afterAll(() => rm(folder, { recursive: true }));

async function emptyRun(name: string): Promise<RunDirectory> {
  const { root, hash, patchSize } = dataset;
  const record = { ...emptyRecord, config, dataset: { root, hash, patchSize } };
  return RunDirectory.create(join(folder, name), record, false);
}

function done(summary: StageRecord["summary"]): StageRecord {
  return {
    state: "done",
    startedAt: "2026-01-01T00:00:00Z",
    finishedAt: "2026-01-01T00:01:00Z",
    seconds: 60,
    summary,
  };
}

/** Foreground left of `border`. */
function leftOf(border: number): Mask {
  const data = Uint8Array.from({ length: PATCH_SIZE ** 2 }, (_, pixel) =>
    pixel % PATCH_SIZE < border ? 1 : 0,
  );
  return { width: PATCH_SIZE, height: PATCH_SIZE, data };
}

/** Lays down the files of a finished run: curves, scores, activation maps, masks and an evaluation. */
async function finishedRun(name: string): Promise<RunDirectory> {
  const run = await emptyRun(name);
  await run.updateStage("classifier", done({ bestEpoch: 2 }));
  await run.updateStage("initial-masks", done({ masks: 8 }));
  await run.updateStage("preliminary", done({ bestEpoch: 1, validation: "loss against initial masks" }));
  await run.updateStage("round-1", done({ bestEpoch: 1 }));
  await run.updateStage("evaluation", done({ patches: 4 }));
  for (const epoch of [0, 1]) {
    const values = { loss: 1 / (epoch + 1), accuracy: 0.5 + epoch / 4 };
    await run.appendMetrics({ stage: "classifier", epoch, split: "train", values });
    await run.appendMetrics({
      stage: "classifier",
      epoch,
      split: "val",
      values: { loss: 0.9 - epoch / 10, balancedAccuracy: 0.6 },
    });
    await run.appendMetrics({
      stage: "preliminary",
      epoch,
      split: "train",
      values: { loss: 1.5, dice: 0.4, iou: 0.2 },
    });
    await run.appendMetrics({
      stage: "preliminary",
      epoch,
      split: "val",
      values: { loss: 1.6, dice: 0.3, iou: 0.1 },
    });
  }
  const positives = dataset.patches.filter(({ split, label }) => split === "train" && label === 1);
  const scores = positives.map(({ id }, index) => ({ patch: id, idsScore: index / 5, selected: index > 3 }));
  await writeScores(run, 1, scores);
  for (const { id } of positives) await writeMaskPng(run.path("masks", "round-1", `${id}.png`), leftOf(30));
  const levels = { width: 4, height: 4, data: Uint8Array.from({ length: 16 }, (_, index) => index * 16) };
  for (const { id } of dataset.patches) {
    await writeActivation(run.path("activation-maps", `${id}.safetensors`), { levels, probability: 0.75 });
  }
  await evaluate(run);
  return run;
}

const borders = { [camStage]: 10, [untrainedStage]: 20, preliminary: 30, "round-1": 40 };

/** An evaluation of the test split with masks that end at a border for each stage. */
async function evaluate(run: RunDirectory, withMasks = true): Promise<void> {
  const out = run.path("evaluation");
  const figures: PatchFigures[] = [];
  for (const { id, patient, label, split, maskPath } of dataset.patches) {
    if (split !== "test") continue;
    const target = maskPath === null ? leftOf(0) : await readMask(maskPath);
    const entries = Object.entries(borders).map(([stage, border]) => [
      stage,
      confusion(leftOf(border), target),
    ]);
    await writeMaskPng(evaluationFiles(out, "test").mask("round-1", id), leftOf(40));
    const confusions = withMasks ? Object.fromEntries(entries) : {};
    figures.push({ id, patient, label, probability: label === 1 ? 0.875 : 0.125, confusions });
  }
  const options = { seed: 0, resamples: 20 };
  const scored = figures.map(({ id, patient, label, probability }) => ({
    id,
    group: patient,
    label,
    score: probability,
  }));
  const of = (stage: string) =>
    figures.flatMap(({ id, patient, label, confusions }) => {
      const counts = confusions[stage];
      return counts === undefined ? [] : [{ id, group: patient, label, confusion: counts }];
    });
  const stages = Object.keys(borders).map((stage) => ({
    stage,
    summary: withMasks ? summarise(of(stage), options) : null,
  }));
  const evaluation = {
    split: "test" as const,
    datasetRoot: dataset.root,
    datasetHash: dataset.hash,
    patches: figures.length,
    gate: 0.5,
    resamples: 20,
    classification: summariseClassification(scored, options),
    stages,
    comparisons: withMasks
      ? [
          {
            stage: "round-1",
            against: camStage,
            differences: pairedDifferences(of(camStage), of("round-1"), options),
          },
        ]
      : [],
    missing: withMasks ? null : "the split test has no pixel masks for its positive patches",
  };
  await writeEvaluation(out, evaluation, figures);
}

describe("the report of a finished run", () => {
  it("gathers curves with the kept epoch, the stage table, scores and provenance", async () => {
    const report = await assembleReport(context(await finishedRun("finished")), dataset);
    expect(report.title).toBe("finished");
    expect(report.warnings).toEqual([]);
    expect(report.notes).toEqual([
      "Preliminary fine-tuning: the epoch was chosen by loss against initial masks.",
    ]);
    expect(report.run).toMatchObject({ seed: 3, durationSeconds: 300, dataHash: dataset.hash });

    expect(report.curves.map(({ title, bestEpoch }) => [title, bestEpoch])).toEqual([
      ["Patch classifier: loss", 2],
      ["Patch classifier: accuracy", 2],
      ["Preliminary fine-tuning: loss", 1],
      ["Preliminary fine-tuning: Dice", 1],
    ]);
    expect(report.curves[0]?.series[1]?.points).toEqual([
      { epoch: 1, value: 0.9 },
      { epoch: 2, value: 0.8 },
    ]);

    expect(report.stageTable.rows.map(({ stage }) => stage)).toEqual([
      "Initial masks (CAM)",
      "SAM untrained, CAM prompts",
      "Preliminary fine-tuning",
      "Round 1",
    ]);
    const last = report.stageTable.rows.at(-1);
    expect(last).toHaveProperty("metrics.positiveDice.value");
    // Forty of 64 columns are predicted on patches without tumour.
    expect(last).toHaveProperty("metrics.falsePositiveArea.value", 40 / 64);
    expect(report.classification?.rows.find(({ name }) => name === "Accuracy")?.estimate?.value).toBe(1);

    expect(report.selection).toEqual([{ stage: "Preliminary fine-tuning", kept: 2, total: 6 }]);
    expect(report.scoreDistributions.map(({ title }) => title)).toEqual([
      "IDS scores, round 1",
      "Tumour probability of test patches",
    ]);
    expect(report.scoreDistributions[0]?.groups[0]?.values).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(report.dataset.splits[0]).toEqual({
      split: "train",
      positive: 6,
      negative: 6,
      sources: 12,
      withMask: 6,
    });
    expect(report.configurationYaml).toContain("seed: 3");
  });

  it("shows the same patches every time, each from image to mask, and no mask of a training patch", async () => {
    const run = await finishedRun("gallery");
    const { gallery } = await assembleReport(context(run), dataset);
    const labels = gallery.entries.map(({ label }) => label);
    expect(labels).toEqual([
      "test, positive",
      "test, positive",
      "test, negative",
      "train, positive",
      "train, positive",
      "train, positive",
    ]);
    const captions = (index: number) => gallery.entries[index]?.panels.map(({ caption }) => caption);
    expect(captions(0)).toEqual([
      "Image",
      "Class activation map, 5 prompts",
      "Initial mask",
      "Prediction: Round 1",
      "Ground truth",
    ]);
    expect(captions(3)?.at(-1)).toBe("SAM mask, round 1: pseudo-label");
    expect(captions(5)?.at(-1)).toBe("SAM mask, round 1: rejected");
    expect(gallery.entries.flatMap(({ panels }) => panels).every((panel) => "dataUri" in panel)).toBe(true);
    expect((await assembleReport(context(run), dataset)).gallery).toEqual(gallery);
  });

  it("is written into the run", async () => {
    const run = await finishedRun("written");
    const file = await writeRunReport(context(run), dataset);
    expect(file).toBe(run.path("report.html"));
    const page = await readFile(file, "utf8");
    expect(page).toContain("Preliminary fine-tuning");
    expect(page).toContain("data:image/jpeg;base64,");
  });
});

describe("the report of an unfinished run", () => {
  it("says what is still to come", async () => {
    const run = await emptyRun("begun");
    await run.appendMetrics({
      stage: "classifier",
      epoch: 0,
      split: "train",
      values: { loss: 1, accuracy: 0.5 },
    });
    await run.appendMetrics({
      stage: "classifier",
      epoch: 0,
      split: "val",
      values: { loss: 2, balancedAccuracy: 0.5 },
    });
    const report = await assembleReport(context(run), dataset);
    expect(report.warnings[0]).toMatch(
      /not finished; still to come: Patch classifier, .*Round 1, Evaluation/,
    );
    expect(report.curves[0]).toMatchObject({ bestEpoch: 1 });
    expect(report.stageTable).toMatchObject({
      rows: [],
      missing: expect.stringContaining("No split has been evaluated"),
    });
    expect(report.classification).toBeUndefined();
    expect(report.gallery.entries).toEqual([]);
    expect(await exists(await writeRunReport(context(run), dataset))).toBe(true);
  });

  it("draws how many windows a decoder tells where labels of windows judge it", async () => {
    const run = await emptyRun("windows");
    const line = { stage: "preliminary", epoch: 0 } as const;
    await run.appendMetrics({ ...line, split: "train", values: { loss: 0.4 } });
    await run.appendMetrics({ ...line, split: "val", values: { balancedAccuracy: 0.9, offset: 1 } });
    await run.updateStage("preliminary", done({ validation: "error on labels of windows" }));
    const preset = { run, config: resolveConfig("laptop") };
    const { curves, notes } = await assembleReport(preset, dataset);
    expect(notes).toEqual([
      "Preliminary fine-tuning: the last epoch was kept. Validation shows the error on labels of windows.",
    ]);
    expect(curves.map(({ title, series }) => [title, series.map(({ name }) => name)])).toEqual([
      ["Preliminary fine-tuning: loss", ["training"]],
      ["Preliminary fine-tuning: accuracy of windows", ["validation, class-balanced"]],
    ]);
  });

  it("names the stages that an earlier evaluation lacks", async () => {
    const run = await finishedRun("longer");
    const longer = { run, config: tinyConfig({ rounds: 2 }) };
    const { stageTable } = await assembleReport(longer, dataset);
    expect(stageTable.rows.at(-1)).toEqual({
      stage: "Round 2",
      missing: "not trained when this split was evaluated",
    });
  });
});

describe("odd runs", () => {
  it("explains missing pixel figures and still shows the classifier and the predictions", async () => {
    const run = await finishedRun("unmasked");
    await evaluate(run, false);
    const report = await assembleReport(context(run), dataset);
    expect(report.stageTable.missing).toMatch(/No pixel figures: the split test has no pixel masks/);
    expect(report.classification?.positives).toBe(2);
    expect(report.gallery.entries[0]?.panels.map(({ caption }) => caption)).toContain("Prediction: Round 1");
  });

  it("warns when the data are not those of the run", async () => {
    const run = await finishedRun("moved");
    const { warnings } = await assembleReport(context(run), { ...dataset, hash: "another" });
    expect(warnings).toEqual([expect.stringContaining("is not the data the run was trained on")]);
  });

  it("shows panels whose files were deleted as missing", async () => {
    const run = await finishedRun("thinned");
    await rm(run.path("activation-maps"), { recursive: true });
    await rm(run.path("evaluation", "masks"), { recursive: true });
    const [entry] = (await assembleReport(context(run), dataset)).gallery.entries;
    expect(entry?.panels.filter((panel) => "missing" in panel)).toHaveLength(3);
  });

  it("names an evaluation or a score table that cannot be understood", async () => {
    const run = await finishedRun("spoilt");
    await writeFile(run.path("evaluation", "test.json"), "{}");
    expect(await errorOf(writeRunReport(context(run), dataset))).toMatch(
      /\[run-directory\].*test.json.*not an evaluation of this version.*epsam evaluate/,
    );
    await writeFile(run.path("masks", "round-1", "scores.csv"), "patch\nx\n");
    expect(await errorOf(writeRunReport(context(run), dataset))).toMatch(
      /scores.csv: is not a table of scores/,
    );
    expect(await exists(run.path("report.html"))).toBe(false);
  });
});
