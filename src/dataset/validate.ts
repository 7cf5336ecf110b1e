import { EpSamError } from "../common/index.js";
import { countLabels, type Dataset, type LabelCounts, type ManifestRow, type Split } from "./records.js";

/** The splits that training cannot do without: it learns on one and chooses the best epoch on the other. */
const NEEDED_SPLITS = ["train", "val"] as const satisfies readonly Split[];

/**
 * Checks that a classifier can be trained: tumour and tumour-free patches in the training and validation splits.
 * A test split without patches or without one label only limits evaluation, so it is a warning.
 * @throws EpSamError `dataset` when the dataset, `train` or `val` lacks positive or negative patches.
 */
export function validateForTraining(
  dataset: Pick<Dataset, "root" | "patches">,
  options: { readonly warn?: ((message: string) => void) | undefined } = {},
): void {
  const counts = countLabels(dataset.patches);
  const ofSplit = (split: Split) => dataset.patches.filter((patch) => patch.split === split);
  checkLabelsPresent(dataset);
  for (const split of NEEDED_SPLITS) {
    const missing = missingLabel(ofSplit(split));
    if (missing === null) continue;
    throw new EpSamError("dataset", {
      where: dataset.root,
      what: `the split "${split}" has no ${missing} patches`,
      why: describeCounts(counts),
      action:
        "Prepare the dataset so that both labels occur there: with more images, another `seed` or `split`, or, where a table or `profile` decides on splits, other images in it.",
    });
  }
  const missingInTest = missingLabel(ofSplit("test"));
  if (missingInTest !== null) {
    options.warn?.(
      `${dataset.root}: the test split has no ${missingInTest} patches; its figures will lack them.`,
    );
  }
}

/** @throws EpSamError `dataset` when no split at all has positive, or negative, patches. */
function checkLabelsPresent({ root, patches }: Pick<Dataset, "root" | "patches">): void {
  const missing = missingLabel(patches);
  if (missing === null) return;
  throw new EpSamError("dataset", {
    where: root,
    what: `has no ${missing} patches`,
    why: "a classifier learns from the difference between patches with and without tumour",
    action:
      missing === "positive"
        ? "Add patches that contain tumour (file suffix _1, or a wider `positiveRange`)."
        : "Add patches without tumour (file suffix _0, a smaller `patchSize` or a higher `negativeLimit`).",
  });
}

/**
 * Which label patches lack, positives first; null when they have both. A patch with labels of windows is an example of
 * both where one of its windows has something that is no tumour.
 */
export function missingLabel(rows: readonly ManifestRow[]): "positive" | "negative" | null {
  if (!rows.some(({ label }) => label === 1)) return "positive";
  const hasNegative = rows.some(({ label, windows }) =>
    windows === undefined ? label === 0 : windows.some(({ other }) => other === 1),
  );
  return hasNegative ? null : "negative";
}

/** For example `train 30+20, val 4+0, test 8+5 (positive+negative)`. */
export function describeCounts(counts: Record<Split, LabelCounts>): string {
  const parts = Object.entries(counts).map(
    ([split, { positive, negative }]) => `${split} ${positive}+${negative}`,
  );
  return `${parts.join(", ")} patches (positive + negative)`;
}
