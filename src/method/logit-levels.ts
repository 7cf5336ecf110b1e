import { type FloatMap, type GreyImage, type Mask, resizeFloatMap } from "../imaging/index.js";
import type { Size } from "../models/index.js";

/** Logits are kept from −LOGIT_RANGE to LOGIT_RANGE: as wide as those that SAM gives and takes back. */
const LOGIT_RANGE = 10;
/** The 8-bit level of logit 0, between two levels. */
const MIDDLE = 127.5;

/** Logits as 8-bit levels in steps of 0.08. */
export function quantiseLogits({ width, height, data }: FloatMap): GreyImage {
  const level = (logit: number) => Math.round(MIDDLE + (logit * MIDDLE) / LOGIT_RANGE);
  return { width, height, data: Uint8Array.from(data, (logit) => Math.min(255, Math.max(0, level(logit)))) };
}

/** The logits of {@link quantiseLogits}. */
export function logitsOfLevels({ width, height, data }: GreyImage): FloatMap {
  return {
    width,
    height,
    data: Float32Array.from(data, (level) => ((level - MIDDLE) * LOGIT_RANGE) / MIDDLE),
  };
}

/** Where logits, scaled bilinearly to a size, are above 0. */
export function foregroundOfLogits(logits: FloatMap, { width, height }: Size): Mask {
  const { data } = resizeFloatMap(logits, width, height);
  return { width, height, data: Uint8Array.from(data, (logit) => (logit > 0 ? 1 : 0)) };
}
