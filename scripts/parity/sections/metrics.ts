import { z } from "zod";
import { EpSamError } from "../../../src/common/index.js";
import { confusion, dice, iou, overlapOf } from "../../../src/evaluation/index.js";
import { type Device, floatsOf, floatTensor, GraphSession, input } from "../../../src/graph/index.js";
import type { Mask } from "../../../src/imaging/index.js";
import { overlapLosses } from "../../../src/nn/index.js";
import {
  describedInput,
  type GoldenDirectory,
  relativeError,
  type SectionResult,
  sectionOf,
  sectionResult,
} from "../golden.js";

const TOLERANCE = 1e-4;

const metricsSchema = z.object({
  pred: z.string(),
  target: z.string(),
  dice: z.number(),
  iou: z.number(),
  dice_loss: z.number(),
  iou_loss: z.number(),
});

/** A logit whose sigmoid is 1 in float32, and 0 of its negative. */
const CERTAIN = 100;

/**
 * Dice and IoU as the authors define them, mean over a batch whose last pair of masks is empty, and the losses that the
 * decoder is trained with.
 */
export async function runMetrics(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = sectionOf(golden, "metrics", metricsSchema);
  const predictions = describedMasks(expected.pred);
  const targets = describedMasks(expected.target);
  const overlaps = predictions.map((prediction, index) =>
    overlapOf(confusion(prediction, targets[index] ?? prediction)),
  );
  const mean = (metric: (overlap: (typeof overlaps)[number]) => number) =>
    overlaps.reduce((sum, overlap) => sum + metric(overlap), 0) / overlaps.length;
  const losses = await trainingLosses(predictions, targets, golden.device);
  const errors = new Map([
    ["dice", relativeError(mean(dice), expected.dice)],
    ["iou", relativeError(mean(iou), expected.iou)],
    ["dice_loss", relativeError(losses.dice, expected.dice_loss)],
    ["iou_loss", relativeError(losses.iou, expected.iou_loss)],
  ]);
  return [sectionResult("metrics", TOLERANCE, errors)];
}

/** The losses of training for a batch of predicted masks. */
async function trainingLosses(
  predictions: readonly Mask[],
  targets: readonly Mask[],
  device: Device,
): Promise<{ readonly dice: number; readonly iou: number }> {
  const [{ width, height } = { width: 0, height: 0 }] = predictions;
  const shape = [predictions.length, height, width];
  const batch = (masks: readonly Mask[], of: (value: number) => number) =>
    floatTensor(shape, Float32Array.from(masks.flatMap(({ data }) => Array.from(data, of))));
  const { dice: diceLoss, iou: iouLoss } = overlapLosses(input("logits", shape), input("target", shape));
  const session = await GraphSession.create({ dice: diceLoss, iou: iouLoss }, device);
  try {
    const results = await session.run({
      logits: batch(predictions, (value) => (value === 1 ? CERTAIN : -CERTAIN)),
      target: batch(targets, (value) => value),
    });
    const one = (name: string) => floatsOf(results, name)[0] ?? Number.NaN;
    return { dice: one("dice"), iou: one("iou") };
  } finally {
    await session.close();
  }
}

/** Masks from words such as `uniform("a/ma",[3,40,40],0,1) > 0.5, third all 0`. */
function describedMasks(text: string): Mask[] {
  const [, threshold] = />\s*([\d.]+),\s*third all 0/.exec(text) ?? [];
  const { shape, data } = describedInput(text);
  const [count = 0, height = 0, width = 0] = shape;
  if (threshold === undefined || shape.length !== 3) {
    throw new EpSamError("usage", { what: `does not describe masks: ${text}`, where: "golden.json" });
  }
  const area = width * height;
  return Array.from({ length: count }, (_, index) => ({
    width,
    height,
    data: Uint8Array.from(data.subarray(index * area, (index + 1) * area), (value) =>
      index !== 2 && value > Number(threshold) ? 1 : 0,
    ),
  }));
}
