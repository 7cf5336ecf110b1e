import { EpSamError } from "../common/index.js";
import {
  add,
  divide,
  floats,
  formatShape,
  mean,
  multiply,
  reshape,
  sameShape,
  sigmoid,
  softplus,
  subtract,
  sum,
  type Value,
} from "../graph/index.js";

/** Smoothing term of Dice and IoU in the authors' code: two empty masks agree perfectly. */
export const OVERLAP_SMOOTHING = 1e-3;

/**
 * Binary cross-entropy on logits, mean over all elements: softplus(x) − x·y.
 * @param labels 0 or 1, or soft labels, in the logits' shape
 * @throws EpSamError `shape` when the shapes differ
 */
export function binaryCrossEntropyWithLogits(logits: Value, labels: Value): Value {
  requireSameShape("binaryCrossEntropyWithLogits", logits, labels);
  return mean(subtract(softplus(logits), multiply(logits, labels)));
}

/** Soft Dice and IoU losses of one batch, each one number. */
export interface OverlapLosses {
  /** 1 − (2·|P∩T| + s) / (|P| + |T| + s), mean over the batch. */
  readonly dice: Value;
  /** 1 − (|P∩T| + s) / (|P∪T| + s), mean over the batch. */
  readonly iou: Value;
}

/**
 * Soft Dice and IoU losses on the sigmoid of logits, per image and averaged (EP-SAM's loss is their sum).
 * @param logits [B, ...]
 * @param target 0 or 1, in the logits' shape
 * @throws EpSamError `shape` when the shapes differ
 */
export function overlapLosses(logits: Value, target: Value, smoothing = OVERLAP_SMOOTHING): OverlapLosses {
  requireSameShape("overlapLosses", logits, target);
  const [batch = 1] = logits.shape;
  const perImage = (x: Value) => sum(reshape(x, [batch, -1]), [1]);
  const prediction = sigmoid(logits);
  const intersection = perImage(multiply(prediction, target));
  const total = add(perImage(prediction), perImage(target));
  const smooth = floats(smoothing);
  const dice = divide(add(add(intersection, intersection), smooth), add(total, smooth));
  const iou = divide(add(intersection, smooth), add(subtract(total, intersection), smooth));
  return { dice: subtract(floats(1), mean(dice)), iou: subtract(floats(1), mean(iou)) };
}

/** Losses of masks with a weight for every pixel, each one number. */
export interface WeightedMaskLosses {
  /** Binary cross-entropy, the weighted mean over all pixels of the batch. */
  readonly crossEntropy: Value;
  /** 1 − (2·Σwpt + s) / (Σwp + Σwt + s), mean over the batch or of its images as one. */
  readonly dice: Value;
}

/** How Dice is taken over a batch. */
export interface WeightedDiceOptions {
  /** s; {@link OVERLAP_SMOOTHING} unless told. */
  readonly smoothing?: number | undefined;
  /** Takes the images of a batch as one, so that one without foreground is nothing special; false unless told. */
  readonly joint?: boolean | undefined;
}

/**
 * Cross-entropy and soft Dice on logits, where pixels count as much as their weight says; 0 leaves a pixel out.
 * @param logits [B, ...]
 * @param target 0 or 1, or soft labels, in the logits' shape
 * @param weights from 0, in the logits' shape
 * @throws EpSamError `shape` when the shapes differ
 */
export function weightedMaskLosses(
  logits: Value,
  target: Value,
  weights: Value,
  { smoothing = OVERLAP_SMOOTHING, joint = false }: WeightedDiceOptions = {},
): WeightedMaskLosses {
  requireSameShape("weightedMaskLosses", logits, target);
  requireSameShape("weightedMaskLosses", logits, weights);
  const [batch = 1] = logits.shape;
  const perImage = (x: Value) => sum(reshape(x, [joint ? 1 : batch, -1]), [1]);
  const errors = multiply(weights, subtract(softplus(logits), multiply(logits, target)));
  const prediction = multiply(sigmoid(logits), weights);
  const intersection = perImage(multiply(prediction, target));
  const total = add(perImage(prediction), perImage(multiply(target, weights)));
  const smooth = floats(smoothing);
  const dice = divide(add(add(intersection, intersection), smooth), add(total, smooth));
  return {
    // A batch without any known pixel teaches nothing and is no division by zero.
    crossEntropy: divide(sum(errors), add(sum(weights), floats(OVERLAP_SMOOTHING))),
    dice: subtract(floats(1), mean(dice)),
  };
}

function requireSameShape(where: string, a: Value, b: Value): void {
  if (sameShape(a.shape, b.shape)) return;
  throw new EpSamError("shape", {
    what: `cannot compare ${formatShape(a.shape)} with ${formatShape(b.shape)}`,
    where,
  });
}
