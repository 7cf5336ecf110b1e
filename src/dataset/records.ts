import { compareText } from "../common/index.js";
import type { WindowLabel } from "./window-labels.js";

/** The three parts of a dataset; a patient belongs to exactly one. */
export const SPLITS = ["train", "val", "test"] as const;

export type Split = (typeof SPLITS)[number];

/** The weak label of a patch: 1 when it contains tumour, 0 when it does not. */
export type PatchLabel = 0 | 1;

/** One line of `manifest.csv`: everything known of a patch but its pixels. */
export interface ManifestRow {
  /** Unique in the dataset and free of path separators; files are named `<id>_<label>.png`. */
  readonly id: string;
  /** The slide or source image the patch was cut from. */
  readonly slide: string;
  /** The patient the slide comes from; the slide again when nothing is known. */
  readonly patient: string;
  /** Left edge in level-0 pixels of the slide, or null when unknown. */
  readonly x: number | null;
  /** Top edge in level-0 pixels of the slide, or null when unknown. */
  readonly y: number | null;
  /** Pyramid level the patch was read at, or null when unknown. */
  readonly level: number | null;
  /** Microns per pixel, or null when unknown; never guessed. */
  readonly mpp: number | null;
  readonly label: PatchLabel;
  /** Foreground pixels divided by all pixels of the patch, in [0, 1], or null without a mask. */
  readonly tumourFraction: number | null;
  readonly split: Split;
  /** Labels of windows inside the patch; left out where the label of the patch is all there is. */
  readonly windows?: readonly WindowLabel[] | undefined;
}

/** A patch of a dataset on disk. */
export interface PatchRecord extends ManifestRow {
  readonly imagePath: string;
  /** The pixel mask, or null when there is none; training never reads it. */
  readonly maskPath: string | null;
}

/** A dataset directory that was read and checked. */
export interface Dataset {
  readonly root: string;
  /** Ordered by split (train, val, test), then by id. */
  readonly patches: readonly PatchRecord[];
  /** Width and height in pixels of every patch. */
  readonly patchSize: number;
  /**
   * SHA-256, in hexadecimal, of ids, slides, patients, labels (those of windows, too), splits and image bytes. Pixel masks take no part,
   * so the same weakly labelled data have the same hash with and without them.
   */
  readonly hash: string;
}

/** How many patches of each label a split holds. */
export interface LabelCounts {
  readonly positive: number;
  readonly negative: number;
}

/** True for `train`, `val` and `test`. */
export function isSplit(text: string): text is Split {
  return SPLITS.some((split) => split === text);
}

/** The file name of a patch's image, and of its mask when it has one. */
export function patchFileName(row: Pick<ManifestRow, "id" | "label">): string {
  return `${row.id}_${row.label}.png`;
}

/** Order of patches in manifests and datasets: by split, then by id in code-unit order (independent of locale). */
export function compareRows(a: ManifestRow, b: ManifestRow): number {
  const bySplit = SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split);
  if (bySplit !== 0) return bySplit;
  return compareText(a.id, b.id);
}

/** Patches of each label in each split. */
export function countLabels(rows: Iterable<ManifestRow>): Record<Split, LabelCounts> {
  const counts = {
    train: { positive: 0, negative: 0 },
    val: { positive: 0, negative: 0 },
    test: { positive: 0, negative: 0 },
  };
  for (const row of rows) counts[row.split][row.label === 1 ? "positive" : "negative"] += 1;
  return counts;
}
