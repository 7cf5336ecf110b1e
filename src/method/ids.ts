import { EpSamError } from "../common/index.js";
import type { Mask } from "../imaging/index.js";

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

/** How well the mask predicted for a training patch agrees with its activation map. */
export interface ScoredPatch {
  readonly patch: { readonly id: string };
  /** |CAM mask ∩ SAM mask| / (|SAM mask| + 1). */
  readonly idsScore: number;
}

/** Which masks become pseudo-labels. */
export interface SelectionSettings {
  /** IDS score from which a predicted mask becomes a pseudo-label; the paper's is 0.9. */
  readonly idsThreshold: number;
  /** When fewer masks than this share pass, the best-scoring ones fill up to it; the paper has none. */
  readonly minimumShare: number;
}

/**
 * The ids of the patches whose score reaches the threshold; when they are fewer than the minimum share, the best
 * others fill up to it. A mask without a pixel scores 0 and is never chosen: it can teach nothing.
 */
export function selectPseudoLabels(
  scored: readonly ScoredPatch[],
  { idsThreshold, minimumShare }: SelectionSettings,
): ReadonlySet<string> {
  const least = Math.ceil(scored.length * minimumShare);
  const usable = scored.filter((item) => item.idsScore > 0).sort((a, b) => b.idsScore - a.idsScore);
  const passing = usable.filter((item) => item.idsScore >= idsThreshold).length;
  return new Set(usable.slice(0, Math.max(passing, least)).map(({ patch }) => patch.id));
}
