import { z } from "zod";
import { EpSamError } from "../../../src/common/index.js";
import { confusion, dice, diceLoss, iou, iouLoss, overlapOf } from "../../../src/evaluation/index.js";
import type { Mask } from "../../../src/imaging/index.js";
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

/** Dice and IoU as the authors define them, mean over a batch whose last pair of masks is empty. */
export async function runMetrics(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = sectionOf(golden, "metrics", metricsSchema);
  const predictions = describedMasks(expected.pred);
  const targets = describedMasks(expected.target);
  const overlaps = predictions.map((prediction, index) =>
    overlapOf(confusion(prediction, targets[index] ?? prediction)),
  );
  const mean = (metric: (overlap: (typeof overlaps)[number]) => number) =>
    overlaps.reduce((sum, overlap) => sum + metric(overlap), 0) / overlaps.length;
  const errors = new Map([
    ["dice", relativeError(mean(dice), expected.dice)],
    ["iou", relativeError(mean(iou), expected.iou)],
    ["dice_loss", relativeError(mean(diceLoss), expected.dice_loss)],
    ["iou_loss", relativeError(mean(iouLoss), expected.iou_loss)],
  ]);
  return [sectionResult("metrics", TOLERANCE, errors)];
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
