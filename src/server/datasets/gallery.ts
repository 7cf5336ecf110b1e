import type { PatchRecord } from "../../dataset/index.js";
import type { PatchEntry, PatchPage, PatchSort } from "../contract/index.js";
import { mostUncertain, uncertaintyOf } from "../learning/uncertainty.js";
import type { RunMasks } from "../runs/run-masks.js";
import type { Workspace } from "../workspace/workspace.js";
import { type IndexedDataset, nameKey } from "./dataset-index.js";
import { slidesOfDataset } from "./slides-of-dataset.js";

/** What a page of the gallery shows. */
export interface GalleryQuery {
  readonly split?: PatchRecord["split"] | undefined;
  readonly label?: 0 | 1 | undefined;
  /** Only patches whose IDS score is lower. */
  readonly idsBelow?: number | undefined;
  /** Only patches whose last two stages disagree more. */
  readonly disagreementAbove?: number | undefined;
  readonly sort: PatchSort;
  readonly offset: number;
  readonly limit: number;
}

/** A page of a dataset's patches, with what a run knows of them. */
export async function galleryPage(
  workspace: Workspace,
  dataset: IndexedDataset,
  masks: RunMasks | null,
  query: GalleryQuery,
  signal: AbortSignal,
): Promise<PatchPage> {
  const { split, label, idsBelow, disagreementAbove, sort, offset, limit } = query;
  const chosen = dataset.patches.filter(
    (patch) =>
      (split === undefined || patch.split === split) &&
      (label === undefined || patch.label === label) &&
      (idsBelow === undefined || (masks?.idsScore(patch.id) ?? Number.POSITIVE_INFINITY) < idsBelow),
  );
  const describe = await describer(workspace, dataset, masks, signal);
  const page = <Item>(items: readonly Item[]): Item[] => items.slice(offset, offset + limit);
  const inOrder = sort === "ids-score" ? byScore(chosen, masks) : chosen;
  const needsScores = sort === "disagreement" || sort === "uncertainty";
  // Only an order or a limit that depends on every mask needs them all.
  if (!needsScores && disagreementAbove === undefined) {
    return { total: chosen.length, offset, patches: await Promise.all(page(inOrder).map(describe)) };
  }
  const passing = (await Promise.all(inOrder.map(describe))).filter(
    ({ disagreement }) => disagreementAbove === undefined || (disagreement ?? -1) > disagreementAbove,
  );
  const patches = page(needsScores ? sorted(passing, sort) : passing);
  return { total: passing.length, offset, patches };
}

/** The patches of a run's dataset that a correction would teach most: those in training, the most uncertain first. */
export async function uncertainPatches(
  workspace: Workspace,
  dataset: IndexedDataset,
  masks: RunMasks,
  limit: number,
  signal: AbortSignal,
): Promise<(PatchEntry & { readonly uncertainty: number })[]> {
  const describe = await describer(workspace, dataset, masks, signal);
  const training = dataset.patches.filter(({ split, label }) => split === "train" && label === 1);
  return mostUncertain(await Promise.all(training.map(describe)), limit);
}

async function describer(
  workspace: Workspace,
  dataset: IndexedDataset,
  masks: RunMasks | null,
  signal: AbortSignal,
): Promise<(patch: PatchRecord) => Promise<PatchEntry>> {
  const slides = await slidesOfDataset(workspace, dataset);
  return async (patch) => ({
    patch: patch.id,
    slide: slides.get(nameKey(patch.slide))?.id ?? null,
    slideName: patch.slide,
    x: patch.x,
    y: patch.y,
    split: patch.split,
    label: patch.label,
    tumourFraction: patch.tumourFraction,
    hasMask: patch.maskPath !== null,
    idsScore: masks?.idsScore(patch.id) ?? null,
    disagreement: (await masks?.disagreement(patch.id, patch.split, signal)) ?? null,
    masks: masks?.stages(patch.id, patch.split) ?? [],
  });
}

/** Lowest score first, those without one last; equal ones as in the manifest. */
function byScore(patches: readonly PatchRecord[], masks: RunMasks | null): PatchRecord[] {
  const score = ({ id }: PatchRecord): number => masks?.idsScore(id) ?? Number.POSITIVE_INFINITY;
  return patches.toSorted((one, other) => compareNumbers(score(one), score(other)));
}

/** Largest first, those without a value last; equal ones as in the manifest. */
function sorted(patches: readonly PatchEntry[], sort: PatchSort): PatchEntry[] {
  const value = (patch: PatchEntry): number =>
    (sort === "disagreement" ? patch.disagreement : uncertaintyOf(patch)) ?? Number.NEGATIVE_INFINITY;
  return patches.toSorted((one, other) => compareNumbers(value(other), value(one)));
}

/** As subtraction, but for infinities of the same sign, which are equal. */
function compareNumbers(one: number, other: number): number {
  return one === other ? 0 : one - other;
}
