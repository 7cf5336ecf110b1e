import { EpSamError, type Reporter } from "../../common/index.js";
import { compareText, SPLITS, type Split } from "../records.js";
import { type FoundInputs, matchMasks, requireMasks } from "./discover.js";
import { foregroundFraction, type PatchPosition, patchLattice } from "./lattice.js";
import type { PreparationSettings } from "./options.js";
import { decideSplits, originsOf, readPatients } from "./patients.js";
import { addDiscarded, selectPatches } from "./selection.js";
import {
  type Examination,
  examineSources,
  type PlannedPatch,
  type PlannedSource,
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
}

interface MeasuredImage {
  readonly file: SourceFile;
  readonly width: number;
  readonly height: number;
  readonly lattice: readonly MeasuredPatch[];
}

interface MeasuredPatch extends PatchPosition {
  readonly fraction: number;
}

/**
 * Plans patches of images of any size: measures the tumour fraction on a lattice, splits by patient, labels, draws.
 * @throws EpSamError `input-mask` when images lack masks or masks are not binary; `dataset` for a bad CSV file.
 */
export async function planFromImages(found: FoundInputs, context: PlanningContext): Promise<PreparationPlan> {
  const { settings } = context;
  const files = await pairWithMasks(found, context.masks);
  const known = context.patients === undefined ? null : await readPatients(context.patients);
  const stems = files.map(({ stem }) => stem);
  const origins = originsOf(stems, known, context.patients ?? "");
  const job = {
    maskValues: settings.maskValues,
    concurrency: context.concurrency,
    reporter: context.reporter,
  };
  const { accepted, skipped } = await examineSources(files, job, (file, pixels) =>
    measure(file, pixels, settings),
  );
  const usable = new Set(accepted.map(({ file }) => file.stem));
  const splits = decideSplits(new Map([...origins].filter(([stem]) => usable.has(stem))), settings);

  const located = accepted.map((image) => {
    const patient = origins.get(image.file.stem)?.patient ?? image.file.stem;
    return { image, patient, split: splitOf(splits, patient) };
  });
  const selections = SPLITS.map((split) => {
    const candidates = located
      .filter((source) => source.split === split)
      .flatMap(({ image, patient }) =>
        image.lattice.map((patch) => ({ ...patch, stem: image.file.stem, patient })),
      );
    return { split, ...selectPatches(candidates, split, settings) };
  });

  const patchesOf = new Map<string, PlannedPatch[]>(accepted.map(({ file }) => [file.stem, []]));
  for (const { split, chosen } of selections) {
    for (const patch of chosen) patchesOf.get(patch.stem)?.push(plannedPatch(patch, split, settings));
  }
  const sources = located.map(({ image }): PlannedSource => {
    const { file, width, height } = image;
    return { file, width, height, patches: patchesOf.get(file.stem) ?? [] };
  });
  return {
    patchSize: settings.patchSize,
    sources: sources.sort((a, b) => compareText(a.file.stem, b.file.stem)),
    discarded: addDiscarded(selections.map(({ discarded }) => discarded)),
    skipped: [...found.skipped, ...skipped],
  };
}

async function pairWithMasks(found: FoundInputs, maskFolder: string | undefined): Promise<SourceFile[]> {
  if (maskFolder === undefined) {
    throw new EpSamError("usage", {
      what: "images need masks to label their patches",
      action: "Give --masks FOLDER.",
    });
  }
  const masks = await matchMasks(found.images, maskFolder);
  requireMasks(found.images, masks, maskFolder);
  return found.images.map((image) => ({ ...image, maskPath: masks.get(image.stem) ?? null }));
}

function measure(
  file: SourceFile,
  pixels: SourcePixels,
  settings: PreparationSettings,
): Examination<MeasuredImage> {
  const { image, mask } = pixels;
  const { patchSize } = settings;
  const positions = patchLattice(image, settings);
  if (positions.length === 0) {
    return {
      refused: `is smaller than a patch (${image.width} x ${image.height} pixels, the patch size is ${patchSize})`,
    };
  }
  if (mask === null) return { refused: "has no mask" };
  const lattice = positions.map((at) => ({ ...at, fraction: foregroundFraction(mask, at, patchSize) }));
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
  const { x, y, stem, patient, label, fraction } = patch;
  const id = `${stem}_x${x}_y${y}`;
  const place = { slide: stem, patient, x, y, level: 0, mpp: settings.mpp };
  return { row: { id, ...place, label, tumourFraction: fraction, split }, position: { x, y } };
}
