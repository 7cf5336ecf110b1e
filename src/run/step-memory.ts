import { z } from "zod";
import type { Reporter } from "../common/index.js";
import { type Device, type MicroBatches, precisions, requireHalfPrecision } from "../graph/index.js";
import type { TrainingStepOptions } from "../nn/index.js";

/** Keys of a configuration that make a training step fit into less memory; what is learnt stays the same. */
export const stepMemoryKeys = {
  /** Images that the device works on at once; the rest of the batch waits in host memory. null: all of them. */
  microBatch: z.union([z.null(), z.int().min(1)]).default(null),
  /**
   * What the backward pass computes again instead of keeping it: `activations` what costs next to nothing, and only above
   * 1 GB; `segments` all but the borders of segments, for a second forward pass.
   */
  checkpointing: z.enum(["activations", "segments"]).default("activations"),
  /** Numbers of products and of what follows from them elementwise; float16 needs a device that has it to gain. */
  precision: z.enum(precisions).default("float32"),
};

/** The keys' values in a preset. */
export const stepMemoryDefaults = {
  microBatch: null,
  checkpointing: "activations",
  precision: "float32",
} as const;

/** A section of the configuration with these keys. */
export interface StepMemorySettings {
  readonly microBatch: number | null;
  readonly checkpointing: "activations" | "segments";
  readonly precision: "float32" | "float16";
}

/** How a batch is divided, and what that means for the step. */
export interface StepMemoryPlan {
  /** Images in the graph that is compiled. */
  readonly images: number;
  /** `undefined` where the batch stays whole. */
  readonly microBatches: MicroBatches | undefined;
  /** For {@link TrainingStep}. */
  readonly options: Pick<TrainingStepOptions, "microBatches" | "precision" | "segments">;
}

/**
 * Divides a batch into equal parts, the largest that `microBatch` allows.
 * @param inputs of the graph that differ between images
 */
export function planStepMemory(
  { microBatch, checkpointing, precision }: StepMemorySettings,
  batchSize: number,
  inputs: readonly string[],
): StepMemoryPlan {
  const images = largestDivisor(batchSize, microBatch ?? batchSize);
  const microBatches = images === batchSize ? undefined : { count: batchSize / images, split: inputs };
  return {
    images,
    microBatches,
    options: { microBatches, precision, segments: checkpointing === "segments" },
  };
}

/** The largest divisor of `size` that is not above `limit`. */
function largestDivisor(size: number, limit: number): number {
  let divisor = Math.min(size, limit);
  while (size % divisor !== 0) divisor--;
  return divisor;
}

/**
 * Tries float16 before a stage begins, and says so where it gains nothing.
 * @throws EpSamError `device` when the device does not compute in it
 */
export async function checkPrecision(
  { precision }: StepMemorySettings,
  device: Device,
  reporter: Reporter,
): Promise<void> {
  if (precision === "float32") return;
  await requireHalfPrecision(device);
  if (device.name !== "cpu") return;
  reporter.warn(
    "float16 on the CPU rounds to half precision but computes in float32: slower, and no less memory. " +
      "Set precision: float32, or use a GPU that has shader-f16.",
  );
}
