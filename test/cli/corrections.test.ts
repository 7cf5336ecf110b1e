import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareCommand } from "../../src/cli/commands/prepare.js";
import { trainCommand } from "../../src/cli/commands/train.js";
import { describeComparison } from "../../src/cli/commands/train-text.js";
import { runInProcess } from "./run-in-process.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "epsam-corrections-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("epsam prepare --from-annotations", () => {
  it("says when there are no corrections, and refuses two sources of annotations", async () => {
    const slide = join(folder, "a.tif");
    await writeFile(slide, "slide");
    const words = [slide, "--from-annotations", folder, "--out", join(folder, "dataset")];
    const none = await runInProcess(prepareCommand(), words);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("holds no corrections of these slides");
    const two = await runInProcess(prepareCommand(), [...words, "--annotations", folder]);
    expect(two.code).toBe(2);
    expect(two.stderr).toContain("--annotations and --from-annotations");
  });

  it("refuses --unmarked without annotations", async () => {
    const { code, stderr } = await runInProcess(prepareCommand(), [
      ...[folder, "--unmarked", "normal", "--out", join(folder, "dataset")],
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("--unmarked");
  });
});

describe("epsam train --from-run", () => {
  it("needs a run, whose values it keeps with corrections", async () => {
    const words = ["--from-run", folder, "--out", join(folder, "out")];
    const alone = await runInProcess(trainCommand(), words);
    expect(alone.code).toBe(1);
    expect(alone.stderr).toContain("this is not a run directory");
    const preset = await runInProcess(trainCommand(), [
      ...words,
      "--corrections",
      folder,
      "--preset",
      "paper",
    ]);
    expect(preset.code).toBe(2);
    expect(preset.stderr).toContain("--preset: does not go with --corrections");
    const noRun = await runInProcess(trainCommand(), [...words, "--corrections", folder, "--device", "cpu"]);
    expect(noRun.code).toBe(1);
    expect(noRun.stderr).toContain("this is not a run directory");
  });

  it("tells what changed, with intervals, or why nothing can be told", () => {
    const figures = [
      {
        name: "dice" as const,
        before: 0.5,
        after: 0.6,
        difference: { value: 0.1, low: -0.02, high: 0.2 },
      },
      { name: "recall" as const, before: null, after: null, difference: null },
    ];
    const comparison = { before: "preliminary", after: "round-1", patches: 8, figures };
    expect(describeComparison(comparison)).toEqual([
      "round-1 beside preliminary on 8 test patches, differences with 95 % intervals:",
      "  dice       0.500 to 0.600  +0.100 (-0.020 to +0.200)",
    ]);
    expect(describeComparison({ ...comparison, figures: [] }).join()).toContain("no pixel masks");
  });
});
