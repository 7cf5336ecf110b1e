import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { readMask } from "../../src/imaging/index.js";
import { readSafetensors } from "../../src/models/index.js";
import { RunDirectory, stageNames } from "../../src/training/index.js";
import { describeWithWebGpu, runWithWebGpu } from "../support/webgpu.js";
import { makeFolder, removeFolders } from "./fixtures.js";

const LONG = 1_800_000;

/** A GPU in software takes some five core-minutes for it. */
const isWanted = process.env.EPSAM_SLOW_TESTS === "1";

describeWithWebGpu("training on webgpu", () => {
  it.skipIf(!isWanted)(
    "passes through every stage (slow: EPSAM_SLOW_TESTS=1)",
    async () => {
      const folder = await makeFolder();
      onTestFinished(() => removeFolders([folder]));
      const child = join(import.meta.dirname, "support", "webgpu-pipeline-child.ts");
      const { code, errors } = await runWithWebGpu(child, [folder]);
      expect(code, errors.slice(-2000)).toBe(0);
      const run = await RunDirectory.open(join(folder, "run"));
      expect(run.record.device).toMatchObject({ name: "webgpu" });
      expect(Object.keys(run.record.stages)).toEqual(stageNames(1));
      for (const { state } of Object.values(run.record.stages)) expect(state).toBe("done");
      for (const { values } of await run.metrics()) {
        for (const value of Object.values(values)) expect(Number.isFinite(value)).toBe(true);
      }
      const { tensors } = await readSafetensors(run.path("decoder-round-1.safetensors"));
      expect(tensors.size).toBeGreaterThan(100);
      const mask = await readMask(run.path("masks", "initial", "train-tumour-0.png"));
      expect([mask.width, mask.height]).toEqual([64, 64]);
    },
    LONG,
  );
});
