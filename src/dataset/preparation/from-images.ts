import { basename } from "node:path";
import { EpSamError, grouped, type Reporter } from "../../common/index.js";
import { tellUnmatched } from "../picture-tables.js";
import { SPLITS, type Split } from "../records.js";
import { labelWindows, type WindowLabel } from "../window-labels.js";
import { type FoundInputs, matchMasks, requireMasks, tellUnmatchedMasks } from "./discover.js";
import { type Duplicates, tellDuplicates } from "./duplicates.js";
import { cutMask, foregroundFraction, type PatchPosition, patchLattice } from "./lattice.js";
import type { PreparationSettings } from "./options.js";
import { decideSplits, type Origin, originsOf, readPatients } from "./patients.js";
import { addDiscarded, selectPatches } from "./selection.js";
import {
  type Acceptance,
  examineSources,
  type PlannedPatch,
  type PreparationPlan,
  type SourceFile,
  type SourcePixels,
} from "./source.js";

/** What planning needs beside the settings. */
export interface PlanningContext {
  readonly settings: PreparationSettings;
  readonly masks: string | undefined;
  readonly patients: string | undefined;
  readonly concurrency: number;
  readonly reporter: Reporter;
  /** Tells the user, now and in `dataset.json`; null is nothing to tell. */
  readonly warn: (message: string | null) => void;
  readonly signal: AbortSignal | undefined;
}

interface MeasuredImage {
  readonly file: SourceFile;
  readonly width: number;
  readonly height: number;
  readonly lattice: readonly MeasuredPatch[];
}

interface MeasuredPatch extends PatchPosition {
  readonly fraction: number;
  readonly windows?: readonly WindowLabel[] | undefined;
}

/**
 * Plans patches of images of any size: measures the tumour fraction on a lattice, splits by patient, labels, draws.
 * @throws EpSamError `input-mask` when images lack masks or masks are not binary; `dataset` for a bad CSV file.
 */
export async function planFromImages(found: FoundInputs, context: PlanningContext): Promise<PreparationPlan> {
  const { settings, patients } = context;
  const files = await pairWithMasks(found, context);
  const table = patients === undefined ? null : await readPatients(patients, files);
  const stems = files.map(({ stem }) => stem);
  const origins = originsOf(stems, table?.values ?? null, patients ?? "");
  const surplus = table === null ? null : tellUnmatched(table, "images");
  if (surplus !== null) context.warn(`${basename(patients ?? "")}: ${surplus}.`);
  const job = { ...context, maskValues: settings.maskValues };
  const { accepted, skipped, duplicates } = await examineSources(files, job, (file, pixels) =>
    measure(file, pixels, settings),
  );
  const images = locateImages(accepted, origins, settings, duplicates);
  const splitOfImage = new Map(images.map(({ file, split }) => [file.stem, split]));
  for (const told of tellDuplicates(duplicates, (stem) => splitOfImage.get(stem))) context.warn(told);
  const selections = SPLITS.map((split) => selectInSplit(images, split, settings));
  const patchesOf = grouped(
    selections.flatMap(({ planned }) => planned),
    ({ row }) => row.slide,
  );
  return {
    patchSize: settings.patchSize,
    sources: images.map(({ file, width, height }) => ({
      file,
      width,
      height,
      patches: patchesOf.get(file.stem) ?? [],
    })),
    discarded: addDiscarded(selections.map(({ discarded }) => discarded)),
    skipped: [...found.skipped, ...skipped],
  };
}

interface LocatedImage extends MeasuredImage {
  readonly patient: string;
  readonly split: Split;
}

/** Decides splits among the images that can be used, so that a skipped one takes no place. */
function locateImages(
  images: readonly MeasuredImage[],
  origins: ReadonlyMap<string, Origin>,
  settings: PreparationSettings,
  duplicates: Duplicates,
): LocatedImage[] {
  const usable = new Set(images.map(({ file }) => file.stem));
  const splits = decideSplits(
    new Map([...origins].filter(([stem]) => usable.has(stem))),
    settings,
    duplicates,
  );
  return images.map((image) => {
    const patient = origins.get(image.file.stem)?.patient ?? image.file.stem;
    return { ...image, patient, split: splitOf(splits, patient) };
  });
}

function selectInSplit(images: readonly LocatedImage[], split: Split, settings: PreparationSettings) {
  const candidates = images
    .filter((image) => image.split === split)
    .flatMap(({ file, patient, lattice }) =>
      lattice.map((patch) => ({ ...patch, stem: file.stem, patient })),
    );
  const { chosen, discarded } = selectPatches(candidates, split, settings);
  return { planned: chosen.map((patch) => plannedPatch(patch, split, settings)), discarded };
}

async function pairWithMasks(
  found: FoundInputs,
  { masks: maskFolder, warn }: PlanningContext,
): Promise<SourceFile[]> {
  if (maskFolder === undefined) {
    throw new EpSamError("usage", {
      what: "images need masks to label their patches",
      action: "Give `masks: FOLDER`.",
    });
  }
  const { masks, unmatched } = await matchMasks(found.images, maskFolder);
  requireMasks(found.images, masks, maskFolder);
  warn(tellUnmatchedMasks(maskFolder, unmatched));
  return found.images.map((image) => ({ ...image, maskPath: masks.get(image.stem) ?? null }));
}

function measure(
  file: SourceFile,
  pixels: SourcePixels,
  settings: PreparationSettings,
): Acceptance<MeasuredImage> {
  const { image, mask } = pixels;
  const { patchSize, windows } = settings;
  const positions = patchLattice(image, settings);
  if (positions.length === 0) {
    return {
      refused: `is smaller than a patch (${image.width} x ${image.height} pixels, the patch size is ${patchSize})`,
    };
  }
  if (mask === null) return { refused: "has no mask" };
  const lattice = positions.map((at) => ({
    ...at,
    fraction: foregroundFraction(mask, at, patchSize),
    ...(windows === null ? {} : { windows: labelWindows(cutMask(mask, at, patchSize), windows) }),
  }));
  return { accepted: { file, width: image.width, height: image.height, lattice } };
}

function splitOf(splits: ReadonlyMap<string, Split>, patient: string): Split {
  const split = splits.get(patient);
  if (split !== undefined) return split;
  throw new EpSamError("internal", { where: `patient "${patient}"`, what: "was given no split" });
}

function plannedPatch(
  patch: MeasuredPatch & { readonly stem: string; readonly patient: string; readonly label: 0 | 1 },
  split: Split,
  settings: PreparationSettings,
): PlannedPatch {
  const { x, y, stem, patient, label, fraction, windows } = patch;
  const id = `${stem}_x${x}_y${y}`;
  const place = { slide: stem, patient, x, y, level: 0, mpp: settings.mpp };
  return { row: { id, ...place, label, tumourFraction: fraction, split, windows }, position: { x, y } };
}
