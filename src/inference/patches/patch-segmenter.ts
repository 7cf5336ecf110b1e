import type { FloatMap, RgbImage } from "../../imaging/index.js";

/**
 * How a patch ended: `segmented` by SAM, left out because the classifier's probability was `below-gate`, or
 * without a mask because its class activation map had `no-activation` to prompt SAM with.
 */
export type PatchOutcome = "segmented" | "below-gate" | "no-activation";

/** SAM's answer for one patch. */
export interface PatchMask {
  /** Probability of tumour of each pixel, patch size. */
  readonly tumour: FloatMap;
  /** SAM's own estimate of its mask's IoU; the classifier's probability where the activation map is the mask. */
  readonly estimatedIou: number;
}

/** What the classifier says of one patch. */
export interface ClassifiedPatch {
  /** The classifier's probability of tumour in the patch, 0 to 1. */
  readonly probability: number;
  /** As the patch will end. */
  readonly outcome: PatchOutcome;
  /** Class activation map in [0, 1], at any resolution. */
  readonly activation: FloatMap;
  /** SAM's part, to be called once; present when the outcome is `segmented`. */
  readonly segment?: () => Promise<PatchMask>;
}

/** What a segmenter says of one patch: the mask is present when the outcome is `segmented`. */
export type SegmentedPatch = Omit<ClassifiedPatch, "segment"> & Partial<PatchMask>;

/** Something that segments square patches of one size; its classifier can go on while SAM is at the last patch. */
export interface PatchSegmenter {
  /** Side of the patches in pixels. */
  readonly patchSize: number;
  /**
   * Classifies one patch.
   * @param name of the patch; the same name gives the same random prompts
   */
  classifyPatch(patch: RgbImage, ...name: readonly (string | number)[]): Promise<ClassifiedPatch>;
}
