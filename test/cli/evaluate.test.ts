import { cp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateCommand } from "../../src/cli/commands/evaluate.js";
import { evaluationText } from "../../src/cli/evaluation-text.js";
import { textTable } from "../../src/cli/text-table.js";
import { exists } from "../../src/common/index.js";
import { writeMaskPng } from "../../src/imaging/index.js";
import type { RunEvaluation } from "../../src/run/index.js";
import {
  makeFolder,
  newRun,
  quickEncoder,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "../training/fixtures.js";
import { runInProcess } from "./run-in-process.js";

const evaluate = (...words: string[]) => runInProcess(evaluateCommand(), words);

let folder: string;
/** A run of one short round on `data`. */
let run: string;
let data: string;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  run = join(folder, "run");
  const config = tinyConfig({ classifier: { epochs: 1 }, decoder: { epochs: 1 } });
  await trainTiny({ data, out: run, config, encoder: quickEncoder });
}, 600_000);

afterAll(() => rm(folder, { recursive: true }));

describe("epsam evaluate", () => {
  it("prints every stage with intervals, says where the patches are, and renews the report", async () => {
    const { stdout, code } = await evaluate("--run", run, "--data", data);
    expect(code).toBe(0);
    for (const title of [
      "Initial masks (CAM)",
      "SAM untrained, CAM prompts",
      "Preliminary fine-tuning",
      "Round 1",
    ]) {
      expect(stdout).toContain(title);
    }
    expect(stdout).toMatch(/Split test: 2 positive and 2 negative patches/);
    expect(stdout).toMatch(/AUC +\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]/);
    expect(stdout).toContain(`Patch by patch: ${join(run, "evaluation", "test-patches.csv")}`);
    expect(await readFile(join(run, "report.html"), "utf8")).toContain("Preliminary fine-tuning");
  });

  it("prints the same figures as JSON and writes them to --out", async () => {
    const out = join(folder, "elsewhere");
    const { stdout, code } = await evaluate(
      "--run",
      run,
      "--data",
      data,
      "--split",
      "val",
      "--out",
      out,
      "--json",
    );
    expect(code).toBe(0);
    const printed = JSON.parse(stdout);
    const { files, ...figures } = printed;
    expect(JSON.parse(await readFile(join(out, "val.json"), "utf8"))).toEqual(figures);
    expect(files.patches).toBe(join(out, "val-patches.csv"));
    expect(await exists(join(out, "masks", "val", "round-1", "val-tumour-0.png"))).toBe(true);
  });

  it("keeps other data apart, and gives classification figures only without pixel masks", async () => {
    const before = await readFile(join(run, "evaluation", "test.json"), "utf8");
    const other = await writeDataset(join(folder, "other"), {
      masks: ["train", "val"],
      without: { train: 0 },
      tumourFraction: false,
    });
    const { stdout, code } = await evaluate("--run", run, "--data", other);
    expect(code).toBe(0);
    expect(stdout).toContain("No pixel figures: the split test has no pixel masks for its positive patches.");
    expect(stdout).toMatch(/accuracy +\d\.\d{3}/);
    expect(stdout).not.toContain("Initial masks");
    expect(stdout).toMatch(/Patch by patch: .*evaluation\/other-[0-9a-f]{8}\/test-patches.csv/);
    expect(await readFile(join(run, "evaluation", "test.json"), "utf8")).toBe(before);
  });
});

describe("masks that cannot be used", () => {
  it.each([
    ["cut short", (mask: string) => truncate(mask, 40)],
    [
      "of another size",
      (mask: string) => writeMaskPng(mask, { width: 8, height: 8, data: new Uint8Array(64) }),
    ],
    ["a folder", (mask: string) => rm(mask).then(() => mkdir(mask))],
    ["gone", (mask: string) => rm(mask)],
  ])(
    "%s: figures and report are made over the rest, with exit code 3",
    async (name, spoil) => {
      const spoilt = await writeDataset(join(folder, name));
      const mask = join(spoilt, "test", "mask", "test-tumour-0_1.png");
      await spoil(mask);
      const copy = join(folder, `run ${name}`);
      await cp(run, copy, { recursive: true });
      const { stdout, stderr, code } = await evaluate("--run", copy, "--data", spoilt);
      expect(code).toBe(3);
      expect(stderr).toContain("test-tumour-0");
      expect(stdout).toMatch(/skipped {2}.*test-tumour-0/);
      expect(stdout).toContain("Preliminary fine-tuning");
      const { skipped, stages } = JSON.parse(await readFile(join(copy, "evaluation", "test.json"), "utf8"));
      expect(skipped).toHaveLength(1);
      expect(stages[0].summary.patches).toBe(3);
      expect(await readFile(join(copy, "report.html"), "utf8")).toContain("Preliminary fine-tuning");
    },
    60_000,
  );

  it("all of them, which the manifest tells of, are named", async () => {
    const spoilt = await writeDataset(join(folder, "none left"));
    await rm(join(spoilt, "test", "mask"), { recursive: true });
    const { stdout, code } = await evaluate("--run", run, "--data", spoilt, "--out", join(folder, "without"));
    expect(code).toBe(3);
    expect(stdout).toMatch(/skipped {2}.*test\/mask: holds no mask of its 2 positive patches/);
  });
});

describe("what epsam evaluate refuses", () => {
  it.each([
    [
      "a folder that is no run",
      () => ["--run", data, "--data", data],
      /no run.json, so this is not a run directory/,
    ],
    [
      "a dataset that is not there",
      () => ["--run", run, "--data", join(folder, "none")],
      /none[\s\S]*epsam prepare/,
    ],
  ])("%s", async (_, words, message) => {
    const { stderr, code } = await evaluate(...words());
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it("a run whose classifier is not trained yet", async () => {
    const { root } = await newRun(join(folder, "begun"));
    const { stderr, code } = await evaluate("--run", root, "--data", data);
    expect(code).toBe(1);
    expect(stderr).toMatch(/has no trained classifier yet[\s\S]*train --resume/);
  });

  it("a split that is empty or unknown", async () => {
    const small = await writeDataset(join(folder, "small"), { without: { test: 0 } });
    await rm(join(small, "test"), { recursive: true });
    const manifest = await readFile(join(small, "manifest.csv"), "utf8");
    await writeFile(
      join(small, "manifest.csv"),
      manifest
        .split("\n")
        .filter((line) => !line.endsWith(",test"))
        .join("\n"),
    );
    const { stderr, code } = await evaluate("--run", run, "--data", small);
    expect(code).toBe(1);
    expect(stderr).toMatch(/has no patches in the split test[\s\S]*Choose another --split/);
    const { usageError } = await evaluate("--run", run, "--data", data, "--split", "all");
    expect(usageError).toMatch(/Allowed choices are train, val, test/);
  });
});

describe("the table", () => {
  it("lines columns up", () => {
    const lines = textTable(
      ["Stage", "Dice"],
      [
        ["A", "0.5"],
        ["Longer", "0.25"],
      ],
    );
    expect(lines).toEqual(["Stage   Dice", "A        0.5", "Longer  0.25"]);
  });

  it("shows a dash where a figure is not defined and fits 100 columns", () => {
    const estimate = { value: 0.5, low: 0.25, high: 0.75 };
    const names = [
      "positiveDice",
      "positiveIou",
      "dice",
      "iou",
      "pooledDice",
      "pooledIou",
      "meanIou",
      "precision",
    ];
    const metrics = Object.fromEntries(
      [...names, "recall", "pixelAccuracy", "falsePositiveArea"].map((name) => [
        name,
        name === "precision" ? null : estimate,
      ]),
    ) as NonNullable<RunEvaluation["stages"][number]["summary"]>["metrics"];
    const lines = evaluationText({
      split: "test",
      datasetRoot: "data",
      datasetHash: "hash",
      patches: 4,
      gate: 0.5,
      resamples: 1000,
      classification: {
        patches: 4,
        positives: 3,
        resampledBy: "group",
        metrics: { accuracy: estimate, sensitivity: estimate, specificity: estimate, auc: null },
      },
      stages: [
        {
          stage: "untrained",
          summary: { patches: 4, positives: 3, negatives: 1, groups: 2, resampledBy: "group", metrics },
        },
      ],
      comparisons: [],
      missing: null,
    });
    expect(lines.join("\n")).toMatch(/SAM untrained, CAM prompts +0\.500 \[0\.250, 0\.750\] +– /);
    expect(lines.join("\n")).toMatch(/AUC +–/);
    expect(lines[1]).toContain("over patients");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});
