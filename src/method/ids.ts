import { EpSamError } from "../common/index.js";
import type { Mask } from "../imaging/index.js";

/** The paper's least IDS score of a pseudo-label (section 2). */
export const PAPER_IDS_THRESHOLD = 0.9;

/**
 * How much of SAM's mask the activation map supports (paper section 2):
 * |CAM mask ∩ SAM mask| / (|SAM mask| + 1), from 0 to just below 1; an empty SAM mask scores 0.
 * @throws EpSamError `shape` when the masks differ in size.
 */
export function idsScore(camMask: Mask, samMask: Mask): number {
  if (camMask.width !== samMask.width || camMask.height !== samMask.height) {
    throw new EpSamError("shape", {
      what: `masks of ${camMask.width}×${camMask.height} and ${samMask.width}×${samMask.height} cannot be compared`,
    });
  }
  let common = 0;
  let area = 0;
  for (let pixel = 0; pixel < samMask.data.length; pixel++) {
    if (samMask.data[pixel] !== 1) continue;
    area += 1;
    common += camMask.data[pixel] ?? 0;
  }
  return common / (area + 1);
}

/** True when a mask with this score becomes the next round's pseudo-label. */
export function isPseudoLabel(score: number, threshold = PAPER_IDS_THRESHOLD): boolean {
  return score >= threshold;
}
