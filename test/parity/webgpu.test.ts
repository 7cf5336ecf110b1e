import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { sectionNames } from "../../scripts/parity/run-parity.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import {
  describeComputingWithWebGpu,
  describeWithFastWebGpu,
  type Gpu,
  runWithWebGpu,
} from "../support/webgpu.js";
import { goldenFiles } from "./corruption.js";

const LONG = 3_600_000;
const program = join(import.meta.dirname, "..", "..", "scripts", "parity", "main.ts");
const files = goldenFiles.map((name) => `golden/${name}`);

/** SwiftShader takes minutes for each of these: steps of training and activation maps at 512². */
const SLOW: readonly (readonly string[])[] = [
  ["classifier_train_drop_mask", "classifier_train_importance_map"],
  ["cam_camelyon16", "cam_camelyon17"],
  ["sam_decoder_training"],
];
const QUICK = sectionNames.filter((name) => !SLOW.flat().includes(name));

/** One process for the sections, so that they share compiled shaders. */
async function compare(gpu: Gpu, sections: readonly string[]): Promise<void> {
  const parameters = [sharedPath("golden"), "--device", "webgpu", "--sections", sections.join(",")];
  const { output, errors, code } = await runWithWebGpu(gpu, program, parameters, { keepSessions: true });
  expect(output, errors.slice(-2000)).toMatch(/^on webgpu/);
  for (const section of sections) expect(output).toContain(`\n${section} `);
  expect(output).toMatch(/All \d+ comparisons passed\./);
  expect(code).toBe(0);
}

// Compiling shaders takes one core at a time, so processes run side by side.
describe.concurrent("parity with the original", () => {
  describeWithShared("on webgpu", files, () => {
    describeComputingWithWebGpu("quick sections", (gpu) => {
      it(`holds in ${QUICK.join(", ")}`, () => compare(gpu, QUICK), LONG);
    });

    describeWithFastWebGpu("sections of training and activation maps", (gpu) => {
      for (const sections of SLOW) {
        it(`holds in ${sections.join(", ")}`, () => compare(gpu, sections), LONG);
      }
    });
  });
});
