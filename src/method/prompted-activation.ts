import { RandomStream } from "../common/index.js";
import type { FloatMap, GreyImage, Mask } from "../imaging/index.js";
import type { PatchPrompt, Size } from "../models/index.js";
import { normaliseLevels } from "./activation-levels.js";
import { type InitialMaskOptions, initialMask } from "./initial-mask.js";
import { activationLogits } from "./mask-prompt.js";
import { pointsInActivation } from "./point-prompts.js";

/** How activation maps become prompts. */
export interface PromptSettings {
  readonly seed: number;
  readonly sam: {
    /** Positive points of each prompt. */
    readonly points: number;
    /** Whether SAM is prompted with points alone, as in the paper, or also with the activation map as a mask. */
    readonly maskPrompt: "none" | "activation-map";
  };
}

/** What the classifier says of a patch. */
export interface PatchActivation {
  /** Averaged class activation map in [0, 1], at the resolution of the features. */
  readonly map: FloatMap;
  /** The activation map as logits, for SAM's mask prompt; at the resolution of the features. */
  readonly logits: FloatMap;
  /** Probability of tumour. */
  readonly probability: number;
  /** The activation map thresholded, opened and scaled to the patch. */
  readonly initialMask: Mask;
}

/**
 * The activation map of a patch with its initial mask (paper section 2).
 * @param levels the 8-bit activation map at the resolution of the features
 * @param size of the patch, in pixels
 */
export async function patchActivation(
  { levels, probability }: { readonly levels: GreyImage; readonly probability: number },
  size: Size,
  cam: InitialMaskOptions,
): Promise<PatchActivation> {
  return {
    map: normaliseLevels(levels),
    logits: activationLogits(levels, cam),
    probability,
    initialMask: await initialMask(levels, size, cam),
  };
}

/**
 * The prompt for a patch, or `undefined` when its activation map is empty.
 * @param path names the patch; the same name and seed give the same points
 */
export function activationPrompt(
  { seed, sam }: PromptSettings,
  { map, logits, initialMask: mask }: PatchActivation,
  ...path: readonly (string | number)[]
): PatchPrompt | undefined {
  const points = pointsInActivation(map, mask, sam.points, new RandomStream(seed, "prompts", ...path));
  return points === undefined ? undefined : { points, mask: takesMaskPrompt(sam) ? logits : undefined };
}

/** Whether SAM gets the activation map itself beside the points drawn from it. */
export function takesMaskPrompt(sam: PromptSettings["sam"]): boolean {
  return sam.maskPrompt === "activation-map";
}
