import { basename } from "node:path";
import { compareText } from "../../common/index.js";
import type { Mask } from "../../imaging/index.js";
import { listNames } from "../list-names.js";
import { SPLITS } from "../records.js";
import {
  labelOfWindows,
  labelWindows,
  type WindowLabel,
  type WindowLabelRule,
  windowsOf,
} from "../window-labels.js";
import { type FoundInputs, type InputImage, matchMasks, tellUnmatchedMasks } from "./discover.js";
import { tellDuplicates } from "./duplicates.js";
import type { PlanningContext } from "./from-images.js";
import { foregroundFraction } from "./lattice.js";
import type { SkippedInput } from "./options.js";
import { factsOf, gatherFacts, type PatchFacts, WHOLE_PATCH } from "./patch-facts.js";
import { decideSplits } from "./patients.js";
import { limitLabels } from "./selection.js";
import {
  type Acceptance,
  examineSources,
  type PreparationPlan,
  type SourceFile,
  type SourcePixels,
} from "./source.js";

interface ReadyPatch {
  readonly file: SourceFile;
  readonly facts: PatchFacts;
  readonly width: number;
  readonly height: number;
  /** Tumour fraction in [0, 1], or null without a mask. */
  readonly fraction: number | null;
  readonly windows?: readonly WindowLabel[] | undefined;
}

/**
 * Plans a dataset of ready patches: labels from `labels.csv` or the suffix `_0`/`_1`, masks optional.
 * @param requestedSize width and height the patches must have; the most frequent size when undefined
 * @throws EpSamError `dataset` for a bad CSV file, a listed patch without a file, or a repeated id.
 */
export async function planFromPatches(
  found: FoundInputs,
  context: PlanningContext,
  requestedSize: number | undefined,
): Promise<PreparationPlan> {
  const { settings } = context;
  const facts = await gatherFacts(found, context);
  const labelled = found.images.filter(({ stem }) => facts.has(stem));
  const unlisted = found.images.filter(({ stem }) => !facts.has(stem)).map(({ path }) => basename(path));
  const files = await pairWithMasks(labelled, facts, context);
  const job = { ...context, maskValues: settings.maskValues };
  const examined = await examineSources(files, job, (file, pixels) =>
    examine(file, pixels, factsOf(facts, file.stem), settings.windows),
  );
  const { patches, patchSize, skipped } = keepOneSize(examined.accepted, requestedSize);

  const splits = decideSplits(
    new Map(patches.map(({ file, facts: origin }) => [file.stem, origin])),
    settings,
    examined.duplicates,
  );
  const located = patches.flatMap((patch) => {
    const split = splits.get(patch.facts.patient);
    return split === undefined ? [] : [{ ...patch, split, label: patch.facts.label }];
  });
  const splitOf = new Map(located.map(({ file, split }) => [file.stem, split]));
  for (const told of tellDuplicates(examined.duplicates, (stem) => splitOf.get(stem))) context.warn(told);
  const chosen = SPLITS.flatMap((split) =>
    limitLabels(
      located.filter((patch) => patch.split === split),
      split,
      settings,
    ),
  );
  return {
    patchSize,
    sources: chosen.map(
      ({ file, facts: { id, slide, patient }, width, height, fraction, windows, split, label }) => {
        const place = { slide, patient, x: null, y: null, level: null, mpp: settings.mpp };
        const row = { id, ...place, label, tumourFraction: fraction, split, windows };
        return { file, width, height, patches: [{ row, position: { x: 0, y: 0 } }] };
      },
    ),
    discarded: { belowPositiveRange: 0, abovePositiveRange: 0, overLimit: located.length - chosen.length },
    skipped: [...notListed(found, unlisted), ...found.skipped, ...examined.skipped, ...skipped],
  };
}

function notListed({ labelsFile }: FoundInputs, unlisted: readonly string[]): SkippedInput[] {
  if (labelsFile === null || unlisted.length === 0) return [];
  return [{ file: labelsFile, reason: `does not list ${listNames(unlisted)}: left out` }];
}

/** Masks serve evaluation only, so a positive patch without one is worth a warning, not an error. */
async function pairWithMasks(
  images: readonly InputImage[],
  facts: ReadonlyMap<string, PatchFacts>,
  context: PlanningContext,
): Promise<SourceFile[]> {
  if (context.masks === undefined) return images.map((image) => ({ ...image, maskPath: null }));
  const { masks, unmatched } = await matchMasks(images, context.masks);
  const without = images.filter(({ stem }) => facts.get(stem)?.label === 1 && !masks.has(stem));
  if (without.length > 0) {
    const names = listNames(without.map(({ path }) => basename(path)));
    context.warn(`${context.masks} has no mask for ${without.length} positive patches: ${names}.`);
  }
  context.warn(tellUnmatchedMasks(context.masks, unmatched));
  return images.map((image) => ({ ...image, maskPath: masks.get(image.stem) ?? null }));
}

function examine(
  file: SourceFile,
  { image, mask }: SourcePixels,
  facts: PatchFacts,
  rule: WindowLabelRule | null,
): Acceptance<ReadyPatch> {
  const { width, height } = image;
  if (width !== height) return { refused: `is ${width} x ${height} pixels; patches are square` };
  const fraction = mask === null ? null : foregroundFraction(mask, { x: 0, y: 0 }, width);
  if (facts.label === 0 && facts.windows === undefined && fraction !== null && fraction > 0) {
    return { refused: `has the label 0, but ${(fraction * 100).toFixed(2)} % of its mask are tumour` };
  }
  if (facts.label === 1 && fraction === 0)
    return { refused: "has the label 1, but its mask shows no tumour" };
  const windows = windowsOfReadyPatch(width, mask, facts, rule);
  const outside = windows?.find(({ x, y, size }) => Math.max(x, y) + size > width);
  if (outside !== undefined) {
    return {
      refused: `has a window at ${outside.x}, ${outside.y} that leaves its ${width} x ${height} pixels`,
    };
  }
  const label = windows === undefined ? facts.label : labelOfWindows(windows);
  return { accepted: { file, facts: { ...facts, label }, width, height, fraction, windows } };
}

/** The labels of windows: those of the table, or else those that a mask tells where they were asked for. */
function windowsOfReadyPatch(
  patchSize: number,
  mask: Mask | null,
  { label, windows }: PatchFacts,
  rule: WindowLabelRule | null,
): readonly WindowLabel[] | undefined {
  if (windows !== undefined) {
    return windows.map((window) => (window.size === WHOLE_PATCH ? { ...window, size: patchSize } : window));
  }
  if (rule === null) return undefined;
  if (mask !== null) return labelWindows(mask, rule);
  // Without a mask the whole patch is the one window of which something is known.
  return windowsOf({ label }, patchSize);
}

/** Leaves out the patches that are not of the requested, or else the most frequent, size. */
function keepOneSize(
  patches: readonly ReadyPatch[],
  requestedSize: number | undefined,
): { patches: ReadyPatch[]; patchSize: number; skipped: SkippedInput[] } {
  const frequency = new Map<number, number>();
  for (const { width } of patches) frequency.set(width, (frequency.get(width) ?? 0) + 1);
  const ranked = [...frequency].sort(([sizeA, a], [sizeB, b]) => b - a || sizeB - sizeA);
  const patchSize = requestedSize ?? ranked[0]?.[0] ?? 0;
  const skipped = patches
    .filter(({ width }) => width !== patchSize)
    .map(({ file, width }) => ({
      file: file.path,
      reason: `is ${width} x ${width} pixels, the other patches are ${patchSize} x ${patchSize}`,
    }));
  const kept = patches.filter(({ width }) => width === patchSize);
  return { patches: kept.sort((a, b) => compareText(a.facts.id, b.facts.id)), patchSize, skipped };
}
