import { RandomStream } from "../../common/index.js";
import { SPLITS, type Split } from "../records.js";

/**
 * Whole numbers in the given proportions that add up to `total` (largest remainders); shares that add up to
 * `total` come back unchanged.
 */
export function apportion(total: number, shares: readonly number[]): number[] {
  const sum = shares.reduce((a, b) => a + b, 0);
  const exact = shares.map((share) => (share / sum) * total);
  const counts = exact.map((value) => Math.floor(value + 1e-9));
  const byRemainder = exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value + 1e-9) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index);
  const missing = total - counts.reduce((a, b) => a + b, 0);
  for (const { index } of byRemainder.slice(0, missing)) counts[index] = (counts[index] ?? 0) + 1;
  return counts;
}

/**
 * Draws a split for every patient, so that the splits hold `shares` of the images as nearly as whole patients
 * allow. Patients come in random order and each goes where most images are wanting; a split with a share gets
 * at least one patient when there are enough.
 * @param imagesOf number of images per patient
 */
export function drawSplits(
  imagesOf: ReadonlyMap<string, number>,
  shares: readonly [number, number, number],
  seed: number,
): Map<string, Split> {
  const total = [...imagesOf.values()].reduce((a, b) => a + b, 0);
  const targets = apportion(total, shares);
  const wanting = SPLITS.map((split, index) => ({
    split,
    share: shares[index] ?? 0,
    images: targets[index] ?? 0,
    empty: true,
  })).filter(({ share }) => share > 0);
  const order = new RandomStream(seed, "dataset split").shuffled([...imagesOf.keys()].sort());
  const assigned = new Map<string, Split>();
  for (const [index, patient] of order.entries()) {
    const empty = wanting.filter((split) => split.empty);
    const mustFillEmpty = order.length - index <= empty.length;
    const choice = mostWanting(mustFillEmpty && empty.length > 0 ? empty : wanting);
    choice.images -= imagesOf.get(patient) ?? 0;
    choice.empty = false;
    assigned.set(patient, choice.split);
  }
  return assigned;
}

function mostWanting<T extends { readonly images: number }>(splits: readonly T[]): T {
  return splits.reduce((best, split) => (split.images > best.images ? split : best));
}
