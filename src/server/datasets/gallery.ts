import type { PatchEntry, PatchPage, PatchSort, UncertainPage } from "../../contract/index.js";
import { nameKey, type PatchRecord } from "../../dataset/index.js";
import { mostUncertain, type UncertaintyEvidence, uncertaintyOf } from "../learning/uncertainty.js";
import type { RunMasks } from "../runs/run-masks.js";
import type { OpenWorkspace } from "../workspace/workspace.js";
import type { IndexedDataset } from "./dataset-index.js";
import { slidesOfDataset } from "./slides-of-dataset.js";

/** Milliseconds that a request waits for masks to be compared before it answers with those that are. */
const PATIENCE = 1000;

/** What a page of the gallery shows. */
export interface PatchQuery {
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
  workspace: OpenWorkspace,
  dataset: IndexedDataset,
  masks: RunMasks | null,
  query: PatchQuery,
  signal: AbortSignal,
): Promise<PatchPage> {
  const { split, label, idsBelow, disagreementAbove, sort, offset, limit } = query;
  const chosen = dataset.patches.filter(
    (patch) =>
      (split === undefined || patch.split === split) &&
      (label === undefined || patch.label === label) &&
      (idsBelow === undefined || (masks?.idsScore(patch.id) ?? Number.POSITIVE_INFINITY) < idsBelow),
  );
  const describe = await describer(workspace, dataset, masks);
  const shown = (patches: readonly PatchRecord[]) =>
    Promise.all(patches.slice(offset, offset + limit).map((patch) => describe(patch, signal)));
  const inOrder = sort === "ids-score" ? byScore(chosen, masks) : chosen;
  const needsScores = sort === "disagreement" || sort === "uncertainty";
  // Only an order or a limit that depends on every mask needs them all.
  if (masks === null || (!needsScores && disagreementAbove === undefined)) {
    const none = disagreementAbove !== undefined;
    const patches = none ? [] : await shown(inOrder);
    return { total: none ? 0 : chosen.length, offset, patches, comparing: null };
  }
  const comparing = await masks.disagreements.all(inOrder, PATIENCE);
  const passing = inOrder.filter(
    (patch) =>
      disagreementAbove === undefined || (masks.disagreements.known(patch) ?? -1) > disagreementAbove,
  );
  const patches = await shown(needsScores ? sorted(passing, masks, sort) : passing);
  return { total: passing.length, offset, patches, comparing };
}

/** The patches of a run's dataset that a correction would teach most: those in training, the most uncertain first. */
export async function uncertainPatches(
  workspace: OpenWorkspace,
  dataset: IndexedDataset,
  masks: RunMasks,
  limit: number,
  signal: AbortSignal,
): Promise<UncertainPage> {
  const describe = await describer(workspace, dataset, masks);
  const training = dataset.patches.filter(({ split, label }) => split === "train" && label === 1);
  const comparing = await masks.disagreements.all(training, PATIENCE);
  const found = mostUncertain(
    training.map((patch) => ({ patch, ...evidenceOf(patch, masks) })),
    limit,
  );
  const patches = found.map(async ({ patch, uncertainty }) => ({
    ...(await describe(patch, signal)),
    uncertainty,
  }));
  return { patches: await Promise.all(patches), comparing };
}

/** What is known of a patch by now. */
function evidenceOf(patch: PatchRecord, masks: RunMasks): UncertaintyEvidence {
  return { idsScore: masks.idsScore(patch.id), disagreement: masks.disagreements.known(patch) ?? null };
}

async function describer(
  workspace: OpenWorkspace,
  dataset: IndexedDataset,
  masks: RunMasks | null,
): Promise<(patch: PatchRecord, signal: AbortSignal) => Promise<PatchEntry>> {
  const slides = await slidesOfDataset(workspace, dataset);
  return async (patch, signal) => ({
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
    disagreement: (await masks?.disagreements.of(patch, signal)) ?? null,
    masks: masks?.stages(patch.id, patch.split) ?? [],
  });
}

/** Lowest score first, those without one last; equal ones as in the manifest. */
function byScore(patches: readonly PatchRecord[], masks: RunMasks | null): PatchRecord[] {
  const score = ({ id }: PatchRecord): number => masks?.idsScore(id) ?? Number.POSITIVE_INFINITY;
  return patches.toSorted((one, other) => compareNumbers(score(one), score(other)));
}

/** Largest first, those without a value last; equal ones as in the manifest. */
function sorted(patches: readonly PatchRecord[], masks: RunMasks, sort: PatchSort): PatchRecord[] {
  const values = new Map(
    patches.map((patch) => {
      const evidence = evidenceOf(patch, masks);
      return [patch, sort === "disagreement" ? evidence.disagreement : uncertaintyOf(evidence)] as const;
    }),
  );
  const value = (patch: PatchRecord): number => values.get(patch) ?? Number.NEGATIVE_INFINITY;
  return patches.toSorted((one, other) => compareNumbers(value(other), value(one)));
}

/** As subtraction, but for infinities of the same sign, which are equal. */
function compareNumbers(one: number, other: number): number {
  return one === other ? 0 : one - other;
}
