import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { demoCommand } from "../../src/cli/commands/demo.js";
import { DemoProgress } from "../../src/cli/demo/demo-progress.js";
import { makeMaterial } from "../../src/cli/demo/material.js";
import { type DemoOptions, runDemo } from "../../src/cli/demo/run-demo.js";
import {
  DEMO_PRESET,
  type DemoSettings,
  demoSettings,
  tissueDemoSettings,
} from "../../src/cli/demo/settings.js";
import { TerminalReporter } from "../../src/cli/terminal-reporter.js";
import { exists, type ProgressEvent } from "../../src/common/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { resolveConfig } from "../../src/run/index.js";
import { openSlide } from "../../src/slides/index.js";
import { errorOf, makeFolder, recordingReporter } from "../training/fixtures.js";
import { runInProcess } from "./run-in-process.js";

/** The demo in small: the same steps on a few patches, one epoch each. */
const generated = { count: 6, size: 384, heldOutSize: 192, split: [2, 2, 2] } as const;
const miniature: DemoSettings = {
  ...demoSettings,
  tissue: generated,
  patchSize: 96,
  stride: 192,
  windowSize: 48,
  config: {
    classifier: { epochs: 2, batchSize: 2 },
    decoder: { epochs: 1, batchSize: 1, samplesPerEpoch: 2 },
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
    const stages = result.evaluation?.stages ?? [];
    expect(stages.map(({ stage }) => stage)).toEqual(["initial-masks", "preliminary"]);
    expect(stages.every(({ summary }) => summary?.metrics.positiveDice !== null)).toBe(true);
    const page = await readFile(result.report, "utf8");
    expect(page).toContain("Preliminary");
    expect(page).not.toContain("not finished");
    const name = "patient-01-image-01";
    const mask = await openSlide(join(result.inference, name, "mask.tif"));
    expect(mask.levels[0]).toMatchObject({ width: generated.heldOutSize, height: generated.heldOutSize });
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

describe("the demo on real tissue", () => {
  it("learns from one region, chooses by its lower part, and keeps the other apart", async () => {
    const place = (name: string): string => join(folder, "real", name);
    const places = { tissue: place("tissue"), heldOut: place("held-out"), dataset: place("dataset") };
    const files = await makeMaterial(places, {
      settings: tissueDemoSettings,
      reporter: recordingReporter(),
    });
    expect(basename(files.slide)).toBe("bcss1015.tif");
    expect(await readdir(files.annotations)).toEqual(["bcss1015.xml"]);
    const { patches } = await openDataset(places.dataset);
    const slidesOf = (split: string) =>
      new Set(patches.filter((patch) => patch.split === split).map(({ slide }) => slide));
    expect(slidesOf("train")).toEqual(new Set(["bcss1008-upper"]));
    expect(slidesOf("val")).toEqual(new Set(["bcss1008-lower"]));
    expect(slidesOf("test")).toEqual(new Set());
  });
});

describe("the time left in all", () => {
  it("is what was measured, as fast as the machine has been so far", () => {
    const events: ProgressEvent[] = [];
    let now = 0;
    const steps = [
      { task: /^first/, seconds: 10 },
      { task: /^second/, seconds: 30 },
    ];
    const recorded = { ...recordingReporter(), progress: (event: ProgressEvent) => void events.push(event) };
    const reporter = new DemoProgress(recorded, steps, () => now);
    const told = (task: string, done: number, total: number, detail?: string) => {
      reporter.progress({ task, done, total, detail });
      return events.at(-1)?.detail;
    };
    expect(told("first", 0, 2)).toBeUndefined();
    now = 10_000;
    // Half of ten seconds' work took ten: it goes at half the speed, and 35 are to be done.
    expect(told("first", 1, 2)).toBe("about 70 s left in all");
    now = 20_000;
    told("second: epoch 1/3", 0, 2);
    now = 40_000;
    expect(told("second: epoch 2/3", 1, 2, "loss 1")).toBe("loss 1, about 25 s left in all");
    expect(told("another", 1, 2, "loss 1")).toBe("loss 1");
  });

  it("passes on what the command's own reporter is told", () => {
    const lines: string[] = [];
    const stream = { write: (text: string) => lines.push(text) };
    const terminal = { stdout: stream, stderr: stream, variables: {} };
    const reporter = new DemoProgress(new TerminalReporter(terminal), []);
    reporter.note("a note");
    reporter.warn("a warning");
    expect(lines.join("")).toMatch(/a note\n.*a warning/);
  });
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
    expect(resolveConfig(DEMO_PRESET, demoSettings.config).decoder.epochs).toBe(10);
  });
});
