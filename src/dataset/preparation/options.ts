import type { z } from "zod";
import { EpSamError, type Reporter, readSettings } from "../../common/index.js";
import { preparationSettings } from "../../contract/index.js";
import type { LabelCounts, Split } from "../records.js";
import type { WindowLabelRule } from "../window-labels.js";

/** What the inputs are: images of any size to cut patches from, or patches that are ready. */
export type InputKind = "images" | "patches";

/** What `prepareDataset` is told, beside the settings; everything but `inputs` and `out` has a default. */
export interface PrepareOptions extends z.input<typeof preparationSettings> {
  /** Folders or image files. */
  readonly inputs: readonly string[];
  /** The dataset directory to make. */
  readonly out: string;
  /** Folder of masks, matched by file stem, `<stem>_mask` or `<stem>_anno`. */
  readonly masks?: string | undefined;
  /** Found out from the inputs by default. */
  readonly inputKind?: InputKind | undefined;
  /** CSV file with the columns image and patient, optionally split. */
  readonly patients?: string | undefined;
  /** Whether inputs of several magnifications may go together. Default false. */
  readonly anyResolution?: boolean | undefined;
  /** Replaces an existing dataset. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Images worked on at a time. Default 2. */
  readonly concurrency?: number | undefined;
  readonly reporter?: Reporter | undefined;
  /** Stops the job between two images when aborted; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
}

/** The values that decide what a dataset contains, complete, as `dataset.json` records them. */
export interface PreparationSettings
  extends Omit<z.output<typeof preparationSettings>, "stride" | "windows"> {
  readonly stride: number;
  readonly windows: WindowLabelRule | null;
}
export type BorderRule = PreparationSettings["border"];
export type EvaluationPatches = PreparationSettings["evaluationPatches"];
export type MaskValues = PreparationSettings["maskValues"];

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
  /** What else the user should know of the dataset as a whole. */
  readonly warnings: readonly string[];
  /** The dataset's hash, as `openDataset` gives it. */
  readonly hash: string;
}

/** Fills in the defaults. @throws EpSamError `usage` naming the setting that is out of range. */
export function resolveSettings(options: PrepareOptions): PreparationSettings {
  const { patchSize, stride = patchSize, windows, ...settings } = readSettings(preparationSettings, options);
  const [lowest] = settings.positiveRange;
  if (settings.negativeLimit >= lowest) {
    const action = `Give a fraction from 0 up to, not including, the lowest positive fraction ${lowest}.`;
    throw outOfRange("negativeLimit", settings.negativeLimit, action);
  }
  if (windows !== null && windows.size > patchSize) {
    throw outOfRange(
      "windows.size",
      windows.size,
      `Windows lie inside patches: give a whole number of at most ${patchSize}.`,
    );
  }
  return { patchSize, stride, windows: windows === null ? null : withStride(windows), ...settings };
}

/** Neighbouring windows overlap by half unless told otherwise. */
function withStride({
  size,
  stride = Math.max(1, Math.floor(size / 2)),
  share,
}: NonNullable<z.output<typeof preparationSettings>["windows"]>): WindowLabelRule {
  return { size, stride, share };
}

function outOfRange(setting: string, value: number, action: string): EpSamError {
  return new EpSamError("usage", { where: `\`${setting}\``, what: `cannot be ${value}`, action });
}
