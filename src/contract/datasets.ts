/**
 * `GET /api/datasets/:dataset/patches?split=&label=&run=&idsBelow=&disagreementAbove=&sort=&offset=&limit=`: a page of
 * the gallery. Patches without a score or a disagreement do not pass a limit of it.
 */
export interface PatchPage {
  readonly total: number;
  readonly offset: number;
  readonly patches: readonly PatchEntry[];
  /** Set while an order or a limit needs masks that are still being compared; those done are shown meanwhile. */
  readonly comparing: ComparingProgress | null;
}

/** How many patches' masks have been compared of those that are to be. Ask again in a second or so. */
export interface ComparingProgress {
  readonly done: number;
  readonly total: number;
}

/** How a gallery is sorted: as in the manifest, lowest IDS score first, largest disagreement of rounds first. */
export type PatchSort = "manifest" | "ids-score" | "disagreement" | "uncertainty";

/**
 * A patch of the gallery. Its pictures: `GET /api/datasets/:dataset/patches/:patch/image`, `…/mask` (ground truth),
 * and with a run `GET /api/runs/:run/patches/:patch/masks/:stage` (8-bit grey PNG), where `stage` is one of `masks`.
 */
export interface PatchEntry {
  readonly patch: string;
  /** Slide of the workspace that it was cut from, or null. */
  readonly slide: string | null;
  readonly slideName: string;
  readonly x: number | null;
  readonly y: number | null;
  readonly split: "train" | "val" | "test";
  readonly label: 0 | 1;
  readonly tumourFraction: number | null;
  readonly hasMask: boolean;
  /** Of the last round that scored it (equation of the IDS score); null without one. */
  readonly idsScore: number | null;
  /** 1 − IoU between the masks of the last two stages; null without two. */
  readonly disagreement: number | null;
  /** The run's masks of this patch by stage, the earliest first. */
  readonly masks: readonly string[];
}

/** `GET /api/runs/:run/uncertain?limit=`: training patches that a correction would teach most, the best first. */
export interface UncertainPage {
  readonly patches: readonly UncertainPatch[];
  /** As in {@link PatchPage}. */
  readonly comparing: ComparingProgress | null;
}

export interface UncertainPatch extends PatchEntry {
  /** Mean of 1 − IDS score and disagreement, of those known. */
  readonly uncertainty: number;
}

/**
 * `GET /api/runs/:run/comparison`: figures of a re-trained run beside those of the run it started from; `null` for a
 * run that was not re-trained from another (a 404 would stand as an error in the browser's console).
 */
export interface RunComparison {
  readonly before: string;
  readonly after: string;
  /** On the same patches. */
  readonly patches: number;
  readonly figures: readonly {
    readonly name: string;
    readonly before: number | null;
    readonly after: number | null;
    /** Mean difference over the same resampled patients, with its 95 % interval. */
    readonly difference: { readonly value: number; readonly low: number; readonly high: number } | null;
  }[];
}
