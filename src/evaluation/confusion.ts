import { EpSamError } from "../common/index.js";
import type { Mask } from "../imaging/index.js";

/** Pixel counts of one patch; every overlap metric follows from them. */
export interface Confusion {
  /** Foreground in both. */
  readonly tp: number;
  /** Foreground in the prediction only. */
  readonly fp: number;
  /** Foreground in the target only. */
  readonly fn: number;
  /** Background in both. */
  readonly tn: number;
}

/** Nothing counted yet; the identity of {@link addConfusions}. */
export const emptyConfusion: Confusion = { tp: 0, fp: 0, fn: 0, tn: 0 };

/**
 * Counts how a predicted mask agrees with the target.
 * @throws EpSamError `input-mask` when their sizes differ.
 */
export function confusion(prediction: Mask, target: Mask): Confusion {
  if (prediction.width !== target.width || prediction.height !== target.height) {
    throw new EpSamError("input-mask", {
      what: "a prediction can only be compared with a target of its own size",
      why: `${prediction.width}x${prediction.height} against ${target.width}x${target.height}`,
      action: "Check that the mask belongs to the image, at the same magnification.",
    });
  }
  let both = 0;
  let predicted = 0;
  let actual = 0;
  for (let pixel = 0; pixel < target.data.length; pixel++) {
    const p = prediction.data[pixel] ?? 0;
    const t = target.data[pixel] ?? 0;
    both += p & t;
    predicted += p;
    actual += t;
  }
  return {
    tp: both,
    fp: predicted - both,
    fn: actual - both,
    tn: target.data.length - predicted - actual + both,
  };
}

/** The counts of two sets of pixels together. */
export function addConfusions(a: Confusion, b: Confusion): Confusion {
  return { tp: a.tp + b.tp, fp: a.fp + b.fp, fn: a.fn + b.fn, tn: a.tn + b.tn };
}
