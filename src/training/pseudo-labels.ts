import { exists } from "../common/index.js";
import type { PatchRecord } from "../dataset/index.js";
import { type Mask, readMask, writeMaskPng } from "../imaging/index.js";
import { idsScore } from "../method/index.js";
import type { RunContext, TrainingConfig } from "../run/index.js";
import { writeScores } from "../run/index.js";
import type { MaskedPatch } from "./decoder-stage.js";
import type { PatchPredictor } from "./patch-predictor.js";

/** How well the mask predicted for a training patch agrees with its activation map. */
export interface ScoredPatch {
  readonly patch: PatchRecord;
  /** |CAM mask ∩ SAM mask| / (|SAM mask| + 1). */
  readonly idsScore: number;
}

/**
 * Predicts a mask for each positive training patch from activation-map prompts and keeps those that agree with
 * the activation map as the round's pseudo-labels (paper section 2, IDS score). Finished patches are read back
 * when a killed run goes on.
 * @returns the patches that were kept with their masks.
 */
export async function predictPseudoLabels(
  context: RunContext,
  round: number,
  patches: readonly PatchRecord[],
  predictor: PatchPredictor,
): Promise<MaskedPatch[]> {
  const { run, config, reporter, signal } = context;
  const maskFile = ({ id }: PatchRecord) => run.path("masks", `round-${round}`, `${id}.png`);
  const scored: ScoredPatch[] = [];
  for (const [index, patch] of patches.entries()) {
    signal?.throwIfAborted();
    const { initialMask } = await predictor.activation(patch);
    const mask = await keptOrPredicted(maskFile(patch), () => predictor.segment(patch));
    scored.push({ patch, idsScore: idsScore(initialMask, mask) });
    reporter.progress({ task: `pseudo-labels: round ${round}`, done: index + 1, total: patches.length });
  }
  const selected = selectPseudoLabels(scored, config.selection);
  const scores = scored.map(({ patch, idsScore }) => ({
    patch: patch.id,
    idsScore,
    selected: selected.has(patch.id),
  }));
  await writeScores(run, round, scores);
  reporter.note(`round ${round}: ${selected.size} of ${scored.length} masks became pseudo-labels`);
  return patches
    .filter((patch) => selected.has(patch.id))
    .map((patch) => ({ patch, readMask: () => readMask(maskFile(patch)) }));
}

async function keptOrPredicted(file: string, predict: () => Promise<Mask>): Promise<Mask> {
  if (await exists(file)) return readMask(file);
  const mask = await predict();
  await writeMaskPng(file, mask);
  return mask;
}

/**
 * The ids of the patches whose score reaches the threshold; when they are fewer than the minimum share, the best
 * others fill up to it. A mask without a pixel scores 0 and is never chosen: it can teach nothing.
 */
export function selectPseudoLabels(
  scored: readonly ScoredPatch[],
  { idsThreshold, minimumShare }: TrainingConfig["selection"],
): ReadonlySet<string> {
  const least = Math.ceil(scored.length * minimumShare);
  const usable = scored.filter((item) => item.idsScore > 0).sort((a, b) => b.idsScore - a.idsScore);
  const passing = usable.filter((item) => item.idsScore >= idsThreshold).length;
  return new Set(usable.slice(0, Math.max(passing, least)).map(({ patch }) => patch.id));
}
