import { patchOverlap } from "../evaluation/index.js";
import type { MaskScore, PatchFigures } from "../run/index.js";

/**
 * Items spread evenly over the order of a value, the lowest and the highest included; ties are ordered by id, so
 * the choice is the same on every machine.
 */
export function spreadOver<T extends { readonly id: string }>(
  items: readonly T[],
  value: (item: T) => number,
  count: number,
): T[] {
  const sorted = [...items].sort((a, b) => value(a) - value(b) || (a.id < b.id ? -1 : 1));
  const last = sorted.length - 1;
  const positions = Array.from({ length: count }, (_, index) =>
    Math.round((index * last) / Math.max(1, count - 1)),
  );
  return [...new Set(positions)].flatMap((position) => sorted[position] ?? []);
}

/** Dice of a stage on a patch, or the tumour probability where there are no pixel masks. */
function quality(patch: PatchFigures, stage: string): number {
  const counts = patch.confusions[stage];
  return counts === undefined ? patch.probability : patchOverlap(counts).dice;
}

/** Positive patches spread over the Dice of a stage, best first, and the negative with most false foreground. */
export function chooseEvaluated(
  patches: readonly PatchFigures[],
  stage: string,
  positives: number,
): PatchFigures[] {
  const chosen = spreadOver(
    patches.filter(({ label }) => label === 1),
    (patch) => quality(patch, stage),
    positives,
  ).reverse();
  const falsePixels = (patch: PatchFigures) => patch.confusions[stage]?.fp ?? 0;
  const negatives = patches.filter(({ label }) => label === 0);
  const worst = negatives.reduce<PatchFigures | undefined>((found, patch) => {
    if (found === undefined) return patch;
    const difference = falsePixels(patch) - falsePixels(found) || patch.probability - found.probability;
    return difference > 0 ? patch : found;
  }, undefined);
  return worst === undefined ? chosen : [...chosen, worst];
}

/** Training patches spread over their IDS scores, best first. */
export function chooseScored(scores: readonly MaskScore[], count: number): MaskScore[] {
  const items = scores.map((score) => ({ id: score.patch, score }));
  return spreadOver(items, ({ score }) => score.idsScore, count)
    .reverse()
    .map(({ score }) => score);
}
