import { exists } from "../common/index.js";
import type { PatchRecord } from "../dataset/index.js";
import { type Mask, readMask, writeMaskPng } from "../imaging/index.js";
import { selectPseudoLabels } from "../method/index.js";
import { type RunContext, roundStage, writeScores } from "../run/index.js";
import type { MaskedPatch } from "./decoder-samples.js";
import type { PatchPredictor } from "./patch-predictor.js";

/**
 * Predicts a mask for each positive training patch from activation-map prompts and keeps those that agree with
 * the activation map as the round's pseudo-labels (paper section 2, IDS score). Finished patches are read back
 * when a killed run goes on.
 * @returns the patches that were kept with their masks.
 */
export async function predictPseudoLabels(
  { run, config, reporter, signal }: RunContext,
  round: number,
  patches: readonly PatchRecord[],
  predictor: PatchPredictor,
): Promise<MaskedPatch[]> {
  const maskFile = ({ id }: PatchRecord) => run.path("masks", roundStage(round), `${id}.png`);
  const scored: { readonly patch: PatchRecord; readonly idsScore: number }[] = [];
  for (const [index, patch] of patches.entries()) {
    signal?.throwIfAborted();
    const activation = await predictor.activation(patch);
    const mask = await keptOrPredicted(maskFile(patch), () => predictor.segment(patch, activation));
    scored.push({ patch, idsScore: await predictor.score(activation, mask) });
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
