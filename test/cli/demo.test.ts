import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoCommand } from "../../src/cli/commands/demo.js";
import { type DemoOptions, runDemo } from "../../src/cli/demo/run-demo.js";
import { type DemoSettings, demoSettings } from "../../src/cli/demo/settings.js";
import { exists } from "../../src/common/index.js";
import { device } from "../../src/graph/index.js";
import { resolveConfig } from "../../src/run/index.js";
import { openSlide } from "../../src/slides/index.js";
import { errorOf, makeFolder, recordingReporter } from "../training/fixtures.js";
import { runInProcess } from "./run-in-process.js";

/** The demo in small: the same steps on a few patches, one epoch each. */
const miniature: DemoSettings = {
  ...demoSettings,
  slides: { count: 6, size: 384 },
  heldOutSize: 192,
  patchSize: 96,
  stride: 96,
  split: [2, 2, 2],
  maxPositives: 3,
  maxNegatives: 3,
  config: {
    classifier: { inputSize: 64, epochs: 1, batchSize: 2, samplesPerEpoch: 4 },
    cam: { openingSize: 1, scales: [1] },
    decoder: { epochs: 1, batchSize: 1, maximumPatches: 2 },
    sam: { points: 5 },
    selection: { minimumShare: 1 },
    rounds: 1,
    // Every patch is segmented, whatever so short a training makes of the classifier.
    gate: 0,
  },
};

let folder: string;

beforeAll(async () => {
  folder = await makeFolder();
});

afterAll(() => rm(folder, { recursive: true }));

function options(out: string, more: Partial<DemoOptions> = {}): DemoOptions {
  return {
    out,
    settings: miniature,
    resume: false,
    overwrite: false,
    device: device("cpu"),
    reporter: recordingReporter(),
    ...more,
  };
}

describe("a demo in small", () => {
  it("goes from images to a report and is resumed to the same result", async () => {
    const out = join(folder, "demo");
    const stop = new AbortController();
    const reporter = recordingReporter();
    const stopping = {
      ...reporter,
      note: (message: string) =>
        message.startsWith("classifier: epoch 1") && stop.abort(new Error("stopped here")),
    };
    await expect(runDemo(options(out, { reporter: stopping, signal: stop.signal }))).rejects.toThrow(
      "stopped here",
    );
    expect(await errorOf(runDemo(options(out)))).toMatch(
      /\[usage\].*already holds a demo.*--resume.*--overwrite/,
    );

    const result = await runDemo(options(out, { resume: true }));
    expect(result.evaluation.stages.map(({ stage }) => stage)).toEqual([
      "initial-masks",
      "untrained",
      "preliminary",
      "round-1",
    ]);
    expect(result.evaluation.stages.every(({ summary }) => summary?.metrics.positiveDice !== null)).toBe(
      true,
    );
    const page = await readFile(result.report, "utf8");
    expect(page).toContain("Round 1");
    expect(page).not.toContain("not finished");
    const name = "patient-01-image-01";
    const mask = await openSlide(join(result.inference, name, "mask.tif"));
    expect(mask.levels[0]).toMatchObject({ width: miniature.heldOutSize, height: miniature.heldOutSize });
    expect(mask.micronsPerPixel?.x).toBeCloseTo(0.5, 6);
    await mask.close();
    expect(await exists(join(result.inference, name, "tumour.geojson"))).toBe(true);
    expect(result.heldOut.dice).toBeGreaterThanOrEqual(0);
    expect(result.heldOut.dice).toBeLessThanOrEqual(1);
    expect(await exists(join(out, "embeddings"))).toBe(false);

    const again = await runDemo(options(out, { resume: true }));
    expect(again).toEqual(result);
  }, 300_000);
});

describe("what a demo refuses", () => {
  it("a directory with other files, also with --overwrite", async () => {
    await writeFile(join(folder, "precious.txt"), "mine");
    for (const overwrite of [false, true]) {
      const message = await errorOf(runDemo(options(folder, { overwrite })));
      expect(message).toMatch(/\[usage\].*is not empty and holds no demo.*new or empty directory/);
    }
    expect(await readFile(join(folder, "precious.txt"), "utf8")).toBe("mine");
  });

  it("to resume what is not there, or was begun with other settings", async () => {
    expect(await errorOf(runDemo(options(join(folder, "none"), { resume: true })))).toMatch(
      /holds no demo to go on with/,
    );
    const other = join(folder, "other");
    const stop = new AbortController();
    stop.abort(new Error("at once"));
    await expect(runDemo(options(other, { signal: stop.signal }))).rejects.toThrow("at once");
    const changed = { ...miniature, seed: 5 };
    expect(await errorOf(runDemo(options(other, { resume: true, settings: changed })))).toMatch(
      /with other settings/,
    );
  });
});

describe("epsam demo", () => {
  it("has help with an example, and settings that are a valid configuration", async () => {
    const { stdout, usageError } = await runInProcess(demoCommand(), ["--help"]);
    expect(usageError).toBe("(outputHelp)");
    expect(stdout).toContain("epsam demo --resume");
    expect(resolveConfig("paper-small", demoSettings.config).rounds).toBe(demoSettings.config.rounds);
  });
});
