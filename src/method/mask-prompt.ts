import type { FloatMap, GreyImage } from "../imaging/index.js";
import { cutOffLevel, type InitialMaskOptions } from "./initial-mask.js";

/** Logits over the whole range of an activation map: as wide as those that SAM gives and takes back. */
const LOGIT_RANGE = 10;

/**
 * An activation map as SAM's mask prompt: logits that are 0 at the level from which the initial mask keeps pixels
 * and grow in proportion to the activation. A map without contrast is background throughout.
 * @param levels the 8-bit activation map at its own resolution
 * @returns logits at the same resolution
 */
export function activationLogits(levels: GreyImage, options: InitialMaskOptions): FloatMap {
  const { width, height } = levels;
  const cutOff = cutOffLevel(levels, options);
  if (cutOff === undefined) {
    return { width, height, data: new Float32Array(width * height).fill(-LOGIT_RANGE) };
  }
  const low = levels.data.reduce((a, b) => Math.min(a, b), 255);
  const high = levels.data.reduce((a, b) => Math.max(a, b), 0);
  const slope = LOGIT_RANGE / (high - low);
  return { width, height, data: Float32Array.from(levels.data, (level) => slope * (level - cutOff)) };
}
