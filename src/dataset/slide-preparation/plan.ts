import { grouped } from "../../common/index.js";
import type { Duplicates } from "../preparation/duplicates.js";
import type { Origin } from "../preparation/patients.js";
import { addDiscarded, selectPatches } from "../preparation/selection.js";
import { type ManifestRow, SPLITS, type Split } from "../records.js";
import { decodeWindows, type WindowLabel } from "../window-labels.js";
import type { SlideFile } from "./find-slides.js";
import type { PatchGeometry } from "./geometry.js";
import type { DiscardedSlidePatches, SlideSettings } from "./options.js";
import type { SlideExamination } from "./outcomes.js";
import { splitsOf } from "./tables.js";

/** A slide that can be used, and what is known of it. */
export interface ExaminedSlide {
  readonly file: SlideFile;
  readonly examination: SlideExamination;
}

/** A slide with the patches that are taken from it. */
export interface PlannedSlide extends ExaminedSlide {
  readonly geometry: PatchGeometry;
  readonly split: Split;
  readonly patches: readonly ManifestRow[];
}

/** Everything decided before the first patch is written. */
export interface SlidePlan {
  readonly slides: readonly PlannedSlide[];
  readonly discarded: DiscardedSlidePatches;
  /** Whether a table or a profile says of every slide which split it is in. */
  readonly splitsAreTold: boolean;
}

/** Splits by patient, labels patches by their tumour fraction and draws them, among the slides that can be used. */
export function planPatches(
  examined: readonly ExaminedSlide[],
  origins: ReadonlyMap<string, Origin>,
  settings: SlideSettings,
  duplicates: Duplicates = [],
): SlidePlan {
  const usable = new Set(examined.map(({ file }) => file.stem));
  const splits = splitsOf(origins, usable, settings, duplicates);
  const located = examined.map((slide) => {
    const patient = origins.get(slide.file.stem)?.patient ?? slide.file.stem;
    return { ...slide, patient, split: splits.get(patient) ?? "train" };
  });
  const selections = SPLITS.map((split) => {
    const candidates = located
      .filter((slide) => slide.split === split)
      .flatMap((slide) => candidatesOf(slide, settings));
    const { positives, positivesPerBin, negatives } = settings.limits[split];
    const limits = { maxPositives: positives, maxPositivesPerBin: positivesPerBin, maxNegatives: negatives };
    const { chosen, discarded } = selectPatches(candidates, split, { ...settings, ...limits });
    return { rows: chosen.map((patch) => rowOf(patch, split)), discarded };
  });
  const rowsOf = grouped(
    selections.flatMap(({ rows }) => rows),
    ({ slide }) => slide,
  );
  const total = (name: "withoutTissue" | "missingPixels" | "notKnown") =>
    examined.reduce((sum, { examination }) => sum + examination[name], 0);
  return {
    slides: located.map(({ file, examination, split }) => ({
      file,
      examination,
      geometry: geometryOf(examination, settings.patchSize),
      split,
      patches: rowsOf.get(file.stem) ?? [],
    })),
    discarded: {
      withoutTissue: total("withoutTissue"),
      missingPixels: total("missingPixels"),
      notKnown: total("notKnown"),
      ...addDiscarded(selections.map(({ discarded }) => discarded)),
    },
    splitsAreTold: examined.every(({ file }) => (origins.get(file.stem)?.split ?? null) !== null),
  };
}

interface LocatedCandidate {
  readonly slide: ExaminedSlide;
  readonly patient: string;
  readonly x: number;
  readonly y: number;
  readonly fraction: number;
  readonly windows?: readonly WindowLabel[] | undefined;
}

function candidatesOf(
  slide: ExaminedSlide & { readonly patient: string },
  { windows: rule, patchSize }: SlideSettings,
): LocatedCandidate[] {
  const { patient } = slide;
  return slide.examination.candidates.map(([x, y, fraction, windows]) => ({
    slide,
    patient,
    x,
    y,
    fraction,
    ...(rule === null ? {} : { windows: decodeWindows(windows, rule, patchSize) }),
  }));
}

function rowOf(patch: LocatedCandidate & { readonly label: 0 | 1 }, split: Split): ManifestRow {
  const { slide, patient, x, y, label, fraction, windows } = patch;
  const { stem } = slide.file;
  const { level, mpp } = slide.examination;
  return {
    id: `${stem}_x${x}_y${y}`,
    slide: stem,
    patient,
    x,
    y,
    level,
    mpp,
    label,
    tumourFraction: isKnownInParts(windows) ? null : fraction,
    split,
    windows,
  };
}

/** Whether the labels of windows leave open what is in some. */
function isKnownInParts(windows: readonly WindowLabel[] = []): boolean {
  return windows.some(({ tumour, other }) => tumour === null || other === null);
}

function geometryOf(
  { level, downsample, pixelSize, mpp }: SlideExamination,
  patchSize: number,
): PatchGeometry {
  return { patchSize, level, downsample, pixelSize, mpp };
}
