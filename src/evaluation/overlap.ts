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

/** The Dice coefficient as the authors define it, (2·|P∩T| + s) / (|P| + |T| + s), 0 to 1. */
export function dice({ intersection, total }: Overlap, smoothing = SMOOTHING): number {
  return (2 * intersection + smoothing) / (total + smoothing);
}

/** Intersection over union as the authors define it, (|P∩T| + s) / (|P∪T| + s), 0 to 1. */
export function iou({ intersection, total }: Overlap, smoothing = SMOOTHING): number {
  return (intersection + smoothing) / (total - intersection + smoothing);
}
