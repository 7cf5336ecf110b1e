/** What a run's stages tell about how sure a patch's mask is. */
export interface UncertaintyEvidence {
  /** |CAM mask ∩ SAM mask| / (|SAM mask| + 1) of the last round that scored the patch; null without one. */
  readonly idsScore: number | null;
  /** 1 − IoU between the masks of the last two stages, 0 to 1; null without two. */
  readonly disagreement: number | null;
}

/**
 * How much a correction of the patch would teach: the mean of 1 − IDS score (the mask leaves the activation map) and
 * the disagreement between rounds (the mask changes with the training), of those known; null when neither is. Both
 * lie in 0 to 1 and count alike, as neither says anything about the other.
 */
export function uncertaintyOf({ idsScore, disagreement }: UncertaintyEvidence): number | null {
  const parts = [idsScore === null ? null : 1 - idsScore, disagreement].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.reduce((sum, part) => sum + part, 0) / parts.length;
}

/**
 * The patches that a correction would teach most, the most uncertain first; those of which nothing is known are left
 * out. Equal ones keep their order.
 */
export function mostUncertain<Patch extends UncertaintyEvidence>(
  patches: readonly Patch[],
  limit: number = Number.POSITIVE_INFINITY,
): (Patch & { readonly uncertainty: number })[] {
  return patches
    .flatMap((patch) => {
      const uncertainty = uncertaintyOf(patch);
      return uncertainty === null ? [] : [{ ...patch, uncertainty }];
    })
    .sort((one, other) => other.uncertainty - one.uncertainty)
    .slice(0, limit);
}

/** A mask as the runs keep it: any number but 0 is foreground. */
export interface ComparedMask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * 1 − IoU of two masks of the same size, 0 to 1; 0 when both are empty. Null when their sizes differ, since masks of
 * different patches say nothing about each other.
 */
export function maskDisagreement(one: ComparedMask, other: ComparedMask): number | null {
  if (one.width !== other.width || one.height !== other.height) return null;
  let intersection = 0;
  let union = 0;
  for (let pixel = 0; pixel < one.data.length; pixel++) {
    const [first, second] = [one.data[pixel] !== 0, other.data[pixel] !== 0];
    if (first && second) intersection += 1;
    if (first || second) union += 1;
  }
  return union === 0 ? 0 : 1 - intersection / union;
}
