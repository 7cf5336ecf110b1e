import type { Confusion } from "./confusion.js";

/** Added to numerator and denominator so that two empty masks agree perfectly (the authors' 1e-3). */
export const SMOOTHING = 1e-3;

/** What Dice and IoU are made of: sums over pixels of prediction × target and of each alone. */
export interface Overlap {
  readonly intersection: number;
  /** Sum of the prediction plus sum of the target. */
  readonly total: number;
}

/** The overlap of two binary masks. */
export function overlapOf({ tp, fp, fn }: Confusion): Overlap {
  return { intersection: tp, total: 2 * tp + fp + fn };
}

/** The overlap of probabilities with a target, pixel by pixel; both row-major and of one length. */
export function softOverlap(probabilities: ArrayLike<number>, target: ArrayLike<number>): Overlap {
  let intersection = 0;
  let total = 0;
  for (let pixel = 0; pixel < target.length; pixel++) {
    const p = probabilities[pixel] ?? 0;
    const t = target[pixel] ?? 0;
    intersection += p * t;
    total += p + t;
  }
  return { intersection, total };
}

/** The Dice coefficient as the authors define it, (2·|P∩T| + s) / (|P| + |T| + s), 0 to 1. */
export function dice({ intersection, total }: Overlap, smoothing = SMOOTHING): number {
  return (2 * intersection + smoothing) / (total + smoothing);
}

/** Intersection over union as the authors define it, (|P∩T| + s) / (|P∪T| + s), 0 to 1. */
export function iou({ intersection, total }: Overlap, smoothing = SMOOTHING): number {
  return (intersection + smoothing) / (total - intersection + smoothing);
}

/** The loss SAM's decoder is trained with, its Dice part: 1 − {@link dice}. */
export function diceLoss(overlap: Overlap): number {
  return 1 - dice(overlap);
}

/** The loss SAM's decoder is trained with, its IoU part: 1 − {@link iou}. */
export function iouLoss(overlap: Overlap): number {
  return 1 - iou(overlap);
}
