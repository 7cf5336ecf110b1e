import type { GroupRules, SplineRule, UnmarkedRule } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import type { PixelSource } from "../../slides/index.js";
import {
  type DiscardedPatches,
  type PreparationResult,
  type PreparationSettings,
  type PrepareOptions,
  resolveSettings,
} from "../preparation/options.js";
import type { Split } from "../records.js";
import { type ProfileName, profiles, type SampleLimits } from "./profiles.js";

/**
 * What counts as tissue: `otsu` finds the saturation that separates it from glass, a number gives that saturation
 * (0 to 255), `all` takes everything, for regions that are tissue altogether.
 */
export type TissueRule = "otsu" | "all" | number;

/** What a slide without an annotation file is: left out, or free of tumour. */
export type UnannotatedRule = "skip" | "normal";

/** What `prepareSlides` is told; everything but `inputs`, `annotations` and `out` has a default. */
export interface PrepareSlidesOptions
  extends Pick<
    PrepareOptions,
    | "inputs"
    | "out"
    | "patchSize"
    | "stride"
    | "windows"
    | "border"
    | "positiveRange"
    | "negativeLimit"
    | "maxPositives"
    | "maxNegatives"
    | "evaluationPatches"
    | "split"
    | "patients"
    | "seed"
    | "overwrite"
    | "concurrency"
    | "reporter"
    | "signal"
  > {
  /** Folder of annotation files named like the slides. */
  readonly annotations: string;
  /** Pyramid level that patches are read at. Default 0, as in the paper; not together with `mpp`. */
  readonly level?: number | undefined;
  /** Microns per pixel that patches are resampled to. */
  readonly mpp?: number | undefined;
  /** CSV file with the columns slide and mpp, for slides that do not tell their resolution. */
  readonly mppTable?: string | undefined;
  /** CSV file with the columns slide and split, optionally patient. */
  readonly splitTable?: string | undefined;
  /** The authors' slides, splits and numbers of patches. */
  readonly profile?: ProfileName | undefined;
  /** What groups of annotations mean, beside those that are known. */
  readonly groups?: Partial<GroupRules> | undefined;
  /** Default `curve`. */
  readonly splines?: SplineRule | undefined;
  /** Default `skip`. */
  readonly unannotated?: UnannotatedRule | undefined;
  /**
   * What the parts of a slide are that its annotations do not speak of; patches that are not known completely are
   * left out. Untold, they are free of tumour, and reviewed regions among the annotations are refused, since they
   * say that not everything has been looked at.
   */
  readonly unmarked?: UnmarkedRule | undefined;
  /** Default `otsu`. */
  readonly tissue?: TissueRule | undefined;
  /** Least share of a patch that must be tissue, in [0, 1]. Default 0.1. */
  readonly minimumTissue?: number | undefined;
  /** How slides are opened. Default: any format the package reads. */
  readonly openSlide?: ((path: string) => Promise<PixelSource>) | undefined;
}

/** Where patches are read: a level as it is stored, or any resolution. */
export type Resolution = { readonly level: number } | { readonly mpp: number };

/** The values that decide what a dataset of slides contains, complete, as `dataset.json` records them. */
export interface SlideSettings
  extends Omit<PreparationSettings, "maskValues" | "mpp" | "maxPositives" | "maxNegatives"> {
  readonly resolution: Resolution;
  readonly tissue: TissueRule;
  readonly minimumTissue: number;
  readonly unannotated: UnannotatedRule;
  /** Null when it was not told. */
  readonly unmarked: UnmarkedRule | null;
  readonly splines: SplineRule;
  readonly groups: Partial<GroupRules>;
  readonly profile: ProfileName | null;
  readonly limits: Readonly<Record<Split, SampleLimits>>;
}

/** How many lattice patches were not taken, by reason. */
export interface DiscardedSlidePatches extends DiscardedPatches {
  /** Less tissue than `minimumTissue`. */
  readonly withoutTissue: number;
  /** The file has no pixels for some part, at no level. */
  readonly missingPixels: number;
  /** Nobody has said of some part whether it is tumour. */
  readonly notKnown: number;
}

export interface SlidePreparationResult extends Omit<PreparationResult, "inputKind" | "discarded"> {
  readonly inputKind: "slides";
  readonly discarded: DiscardedSlidePatches;
}

/** Fills in the defaults. @throws EpSamError `usage` naming the option that is out of range. */
export function resolveSlideSettings(options: PrepareSlidesOptions): SlideSettings {
  const { maskValues: _, mpp: __, maxPositives, maxNegatives, ...common } = resolveSettings(options);
  const { profile = null, tissue = "otsu", minimumTissue = 0.1 } = options;
  if (!(minimumTissue >= 0 && minimumTissue <= 1)) {
    throw usage("--min-tissue", `cannot be ${minimumTissue}`, "Give a fraction from 0 to 1, such as 0.1.");
  }
  if (typeof tissue === "number" && !(tissue >= 0 && tissue < 255)) {
    throw usage("--tissue", `cannot be ${tissue}`, "Give otsu, all, or a saturation from 0 to 254.");
  }
  const sources = [options.patients, options.splitTable, profile ?? undefined].filter(
    (source) => source !== undefined,
  );
  if (sources.length > 1) {
    const action = "Give one of --patients, --split-csv and --profile.";
    throw usage("the split", "is given more than once", action);
  }
  return {
    ...common,
    resolution: resolutionOf(options),
    tissue,
    minimumTissue,
    unannotated: options.unannotated ?? "skip",
    unmarked: options.unmarked ?? null,
    splines: options.splines ?? "curve",
    groups: options.groups ?? {},
    profile,
    limits: limitsOf(profile, maxPositives, maxNegatives),
  };
}

function resolutionOf({ level, mpp }: PrepareSlidesOptions): Resolution {
  if (mpp === undefined) {
    if (level === undefined || (Number.isSafeInteger(level) && level >= 0)) return { level: level ?? 0 };
    throw usage("--level", `cannot be ${level}`, "Give a whole number from 0.");
  }
  if (level === undefined) return { mpp };
  throw usage("--level and --mpp", "are both given", "Give the one that patches are to be read at.");
}

/** What the user says goes before the profile. */
function limitsOf(
  profile: ProfileName | null,
  positives: number | null,
  negatives: number | null,
): Record<Split, SampleLimits> {
  const own = (split: Split): SampleLimits => {
    const given = profile === null ? null : profiles[profile].limits[split];
    return {
      positives: positives ?? given?.positives ?? null,
      positivesPerBin: positives === null ? (given?.positivesPerBin ?? null) : null,
      negatives: negatives ?? given?.negatives ?? null,
    };
  };
  return { train: own("train"), val: own("val"), test: own("test") };
}

function usage(where: string, what: string, action: string): EpSamError {
  return new EpSamError("usage", { where, what, action });
}
