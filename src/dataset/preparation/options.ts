import { EpSamError, type Reporter } from "../../common/index.js";
import type { LabelCounts, Split } from "../records.js";
import type { WindowLabelRule } from "../window-labels.js";

/** What the inputs are: images of any size to cut patches from, or patches that are ready. */
export type InputKind = "images" | "patches";

/**
 * Which mask values are foreground: `binary` accepts two-valued masks only, `any` takes everything but zero
 * (instance labels, as GlaS publishes them), a number takes that value and all above (masks saved as JPEG).
 */
export type MaskValues = "binary" | "any" | number;

/** Which lattice patches of the validation and test images are kept. */
export type EvaluationPatches = "sampled" | "all";

/** Whether a last row and column is added flush with the border, or the remainder is left out. */
export type BorderRule = "align" | "drop";

/** What `prepareDataset` is told; everything but `inputs` and `out` has a default. */
export interface PrepareOptions {
  /** Folders or image files. */
  readonly inputs: readonly string[];
  /** The dataset directory to make. */
  readonly out: string;
  /** Folder of masks, matched by file stem, `<stem>_mask` or `<stem>_anno`. */
  readonly masks?: string | undefined;
  /** Found out from the inputs by default. */
  readonly inputKind?: InputKind | undefined;
  /** Width and height of a patch in pixels. Default 512, as in the paper. */
  readonly patchSize?: number | undefined;
  /** Pixels between neighbouring patches. Default: the patch size. */
  readonly stride?: number | undefined;
  /** Windows of every patch that get labels of their own. Default: the patch as a whole has one label. */
  readonly windows?: WindowLabelRule | undefined;
  /** Default `align`. */
  readonly border?: BorderRule | undefined;
  /** Lowest and highest tumour fraction of a positive patch, inclusive. Default 0.2 to 0.9, as in the paper. */
  readonly positiveRange?: readonly [number, number] | undefined;
  /** Highest tumour fraction of a negative patch, inclusive. Default 0. */
  readonly negativeLimit?: number | undefined;
  /** Most positive patches of a split, drawn evenly over bins of the tumour fraction. Default: no limit. */
  readonly maxPositives?: number | undefined;
  /** Most negative patches of a split. Default: no limit. */
  readonly maxNegatives?: number | undefined;
  /** Default `sampled`: validation and test patches are chosen as training patches are. */
  readonly evaluationPatches?: EvaluationPatches | undefined;
  /** Shares of train, val and test in source images (or ready patches). Default 70, 10, 20. */
  readonly split?: readonly [number, number, number] | undefined;
  /** CSV file with the columns image and patient, optionally split. */
  readonly patients?: string | undefined;
  /** Default `binary`. */
  readonly maskValues?: MaskValues | undefined;
  /** Microns per pixel of the images, recorded in the manifest. Default: unknown. */
  readonly mpp?: number | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** Replaces an existing dataset. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Images worked on at a time. Default 2. */
  readonly concurrency?: number | undefined;
  readonly reporter?: Reporter | undefined;
  /** Stops the job between two images when aborted; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/** The values that decide what a dataset contains, complete, as `dataset.json` records them. */
export interface PreparationSettings {
  readonly patchSize: number;
  readonly stride: number;
  readonly windows: WindowLabelRule | null;
  readonly border: BorderRule;
  readonly positiveRange: readonly [number, number];
  readonly negativeLimit: number;
  readonly maxPositives: number | null;
  readonly maxNegatives: number | null;
  readonly evaluationPatches: EvaluationPatches;
  readonly split: readonly [number, number, number];
  readonly maskValues: MaskValues;
  readonly mpp: number | null;
  readonly seed: number;
}

/** An input that was left out, and why. */
export interface SkippedInput {
  readonly file: string;
  readonly reason: string;
}

/** How many lattice patches were not taken, by reason. */
export interface DiscardedPatches {
  /** More foreground than a negative may have, less than a positive must have. */
  readonly belowPositiveRange: number;
  readonly abovePositiveRange: number;
  /** Suitable, but beyond `maxPositives` or `maxNegatives`. */
  readonly overLimit: number;
}

export interface PreparationResult {
  /** Absolute path of the dataset directory. */
  readonly root: string;
  readonly inputKind: InputKind;
  readonly patchSize: number;
  readonly counts: Readonly<Record<Split, LabelCounts>>;
  readonly discarded: DiscardedPatches;
  readonly skipped: readonly SkippedInput[];
  /** The dataset's hash, as `openDataset` gives it. */
  readonly hash: string;
}

/** Fills in the defaults. @throws EpSamError `usage` naming the option that is out of range. */
export function resolveSettings(options: PrepareOptions): PreparationSettings {
  const patchSize = options.patchSize ?? 512;
  const settings: PreparationSettings = {
    patchSize,
    stride: options.stride ?? patchSize,
    windows: options.windows ?? null,
    border: options.border ?? "align",
    positiveRange: options.positiveRange ?? [0.2, 0.9],
    negativeLimit: options.negativeLimit ?? 0,
    maxPositives: options.maxPositives ?? null,
    maxNegatives: options.maxNegatives ?? null,
    evaluationPatches: options.evaluationPatches ?? "sampled",
    split: options.split ?? [70, 10, 20],
    maskValues: options.maskValues ?? "binary",
    mpp: options.mpp ?? null,
    seed: options.seed ?? 0,
  };
  checkSettings(settings);
  return settings;
}

function checkSettings(settings: PreparationSettings): void {
  checkCount("--patch-size", settings.patchSize, 1);
  checkCount("--stride", settings.stride, 1);
  checkWindows(settings);
  if (settings.maxPositives !== null) checkCount("--max-positives", settings.maxPositives, 0);
  if (settings.maxNegatives !== null) checkCount("--max-negatives", settings.maxNegatives, 0);
  if (!Number.isSafeInteger(settings.seed)) throw usageError("--seed", settings.seed, "Give a whole number.");
  const [lowest, highest] = settings.positiveRange;
  if (!(settings.negativeLimit >= 0 && settings.negativeLimit < lowest)) {
    const action = `Give a fraction from 0 up to, not including, the lowest positive fraction ${lowest}.`;
    throw usageError("--negative-limit", settings.negativeLimit, action);
  }
  if (!(lowest <= highest && highest <= 1)) {
    const action = "Give the lowest and highest fraction, for example 0.2,0.9.";
    throw usageError("--positive-range", settings.positiveRange.join(","), action);
  }
  const isShare = (share: number): boolean => share >= 0 && Number.isFinite(share);
  if (!settings.split.every(isShare) || !settings.split.some((share) => share > 0)) {
    const action = "Give the shares of train, val and test, for example 60,10,15.";
    throw usageError("--split", settings.split.join(","), action);
  }
  if (typeof settings.maskValues === "number") checkCount("--mask-values", settings.maskValues, 1);
  if (settings.mpp !== null && !(settings.mpp > 0 && Number.isFinite(settings.mpp))) {
    throw usageError("--mpp", settings.mpp, "Give a positive number of microns per pixel, for example 0.25.");
  }
}

function checkWindows({ windows, patchSize }: PreparationSettings): void {
  if (windows === null) return;
  checkCount("windows.size", windows.size, 1);
  checkCount("windows.stride", windows.stride, 1);
  if (windows.size > patchSize) {
    throw usageError("windows.size", windows.size, `Windows lie inside patches of ${patchSize} pixels.`);
  }
  if (!(windows.share >= 0 && windows.share < 0.5)) {
    throw usageError("windows.share", windows.share, "Give a share from 0 to below 0.5, for example 0.05.");
  }
}

function checkCount(option: string, value: number, lowest: number): void {
  if (Number.isSafeInteger(value) && value >= lowest) return;
  throw usageError(option, value, `Give a whole number from ${lowest}.`);
}

function usageError(option: string, value: number | string, action: string): EpSamError {
  return new EpSamError("usage", { where: option, what: `cannot be ${value}`, action });
}
