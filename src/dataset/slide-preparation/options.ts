import type { z } from "zod";
import type { CoordinateOrigin, GroupRules, SplineRule } from "../../annotations/index.js";
import { EpSamError, readSettings } from "../../common/index.js";
import { slideSettings, type UnmarkedRule } from "../../contract/index.js";
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
import type { SlideWorkers } from "./shared-work.js";

/** What `prepareSlides` is told, beside the settings; everything but `inputs`, `annotations` and `out` has a default. */
export interface PrepareSlidesOptions
  extends Omit<PrepareOptions, "masks" | "inputKind" | "maskValues">,
    z.input<typeof slideSettings> {
  /** Folder, or folders, of annotation files named like the slides. */
  readonly annotations: string | readonly string[];
  /** CSV file with the columns slide and mpp, for slides that do not tell their resolution. */
  readonly mppTable?: string | undefined;
  /** CSV file with the columns slide and split, optionally patient. */
  readonly splitTable?: string | undefined;
  /** The authors' slides, splits and numbers of patches. */
  readonly profile?: ProfileName | undefined;
  /** What groups of annotations mean, beside those that are known. */
  readonly groups?: Partial<GroupRules> | undefined;
  /** How slides are opened. Default: any format the package reads. */
  readonly openSlide?: ((path: string) => Promise<PixelSource>) | undefined;
  /** Who works on the slides, where it is not this process. */
  readonly workers?: SlideWorkers | undefined;
  /** File of the module that opens slides in a process of their own, as `openSlide` does here. */
  readonly slideModule?: string | undefined;
}

type SlideValues = z.output<typeof slideSettings>;
export type TissueRule = SlideValues["tissue"];
export type UnannotatedRule = SlideValues["unannotated"];

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
  /** Null: as the program of each annotation file counts. */
  readonly annotationOrigin: CoordinateOrigin | null;
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

/** The folders of annotation files. */
export function foldersOf({ annotations }: Pick<PrepareSlidesOptions, "annotations">): readonly string[] {
  return typeof annotations === "string" ? [annotations] : annotations;
}

/** Fills in the defaults. @throws EpSamError `usage` naming the setting that is out of range. */
export function resolveSlideSettings(options: PrepareSlidesOptions): SlideSettings {
  const { maskValues: _, mpp, maxPositives, maxNegatives, ...common } = resolveSettings(options);
  const { level, tissue, minimumTissue, unannotated, unmarked, annotationOrigin, splines } = readSettings(
    slideSettings,
    options,
  );
  const { profile = null, patients, splitTable, groups = {} } = options;
  const sources = [patients, splitTable, profile ?? undefined].filter((source) => source !== undefined);
  if (sources.length > 1) {
    const action = "Give one of `patients`, `splitTable` and `profile`.";
    throw usage("the split", "is given more than once", action);
  }
  if (level !== undefined && mpp !== null) {
    throw usage("`level` and `mpp`", "are both given", "Give the one that patches are to be read at.");
  }
  return {
    ...common,
    resolution: mpp === null ? { level: level ?? 0 } : { mpp },
    tissue,
    minimumTissue,
    unannotated,
    unmarked: unmarked ?? null,
    annotationOrigin: annotationOrigin ?? null,
    splines,
    groups,
    profile,
    limits: limitsOf(profile, maxPositives, maxNegatives),
  };
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
