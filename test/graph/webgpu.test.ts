import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { type OperationName, registry } from "../../src/graph/index.js";
import { describeWithWebGpu, runWithWebGpu } from "../support/webgpu.js";
import { compositeCases } from "./cases/index.js";

const LONG = 1_800_000;
const child = (name: string) => join(import.meta.dirname, "support", name);

/** float32 on a GPU against float32 on the CPU, relative to the largest number of the tensor or 1. */
const TOLERANCE = 1e-5;

/**
 * Operations of which something goes to the CPU, all for int64 numbers, which GPUs do not have: the cases move or
 * add such, or their second derivatives do. Nothing of a training step uses them so.
 */
const FALLING_BACK: readonly OperationName[] = [
  "cast",
  "concat",
  "gather",
  "maxPool2dGradient",
  "maxPool2dIndices",
  "scatterAdd",
  "sum",
  "where",
];

/** Training steps that are compiled with the fallback to the CPU forbidden. */
const STEPS = [
  "classifier step",
  "classifier step, ResNet-50",
  "classifier step, segments",
  "classifier step, micro-batches",
  "decoder step",
  "decoder step, mask prompt",
  "decoder step, segments",
  "decoder step, micro-batches",
] as const;

const comparison = z.object({
  name: z.string(),
  error: z.number().optional(),
  at: z.string().optional(),
  failure: z.string().optional(),
});

function linesOf(output: string): unknown[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}

/** What the engine wrote between the lines that begin and end a name. */
function logOf(errors: string, name: string): string {
  return errors.split(`begin ${name}\n`).at(1)?.split(`end ${name}\n`).at(0) ?? "";
}

describeWithWebGpu("on webgpu", (gpu) => {
  describe("every operation and function", () => {
    const names = [...Object.keys(registry), ...Object.keys(compositeCases)];
    let results: Map<string, z.infer<typeof comparison>>;
    let errors = "";

    beforeAll(async () => {
      const ended = await runWithWebGpu(gpu, child("webgpu-child.ts"), names);
      errors = ended.errors;
      results = new Map(
        linesOf(ended.output)
          .map((line) => comparison.parse(line))
          .map((result) => [result.name, result]),
      );
      expect(ended.code, errors.slice(-2000)).toBe(0);
    }, LONG);

    it.each(names)("%s agrees with the CPU", (name) => {
      const result = results.get(name);
      expect(result?.failure).toBeUndefined();
      expect(result?.error, result?.at).toBeLessThanOrEqual(TOLERANCE);
    });

    it("runs there, but for the operations of the list", () => {
      const falling = Object.keys(registry).filter((name) =>
        logOf(errors, name).includes("placed on [CPUExecutionProvider]"),
      );
      expect(falling.sort()).toEqual([...FALLING_BACK]);
    });
  });

  it(
    "state and weights stay on the device, and every node of the training steps has a kernel",
    async () => {
      const { output, errors, code } = await runWithWebGpu(gpu, child("webgpu-steps-child.ts"));
      expect(code, errors.slice(-2000)).toBe(0);
      expect(linesOf(output)).toEqual([
        { name: "state", totals: [100, 101, 102, 104], position: [14, 94] },
        {
          name: "placement",
          runs: [
            [3, 6],
            [3, 6],
          ],
          failure: expect.stringContaining("released"),
        },
        { name: "refusal", failure: expect.stringContaining("fallback to CPU EP") },
        ...STEPS.map((name) => ({ name, compiled: true })),
      ]);
    },
    LONG,
  );
});
