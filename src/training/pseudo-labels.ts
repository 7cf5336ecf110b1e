import { stringify } from "csv-stringify/sync";
import { exists, writeFileAtomically } from "../common/index.js";
import type { PatchRecord } from "../dataset/index.js";
import { type Mask, readMask, writeMaskPng } from "../imaging/index.js";
import { idsScore } from "../prompting/index.js";
import type { MaskedPatch } from "./decoder-stage.js";
import type { PatchPredictor } from "./patch-predictor.js";
import type { RunContext } from "./run-context.js";

/** The mask predicted for a training patch and how well it agrees with the activation map. */
export interface ScoredMask {
  readonly patch: PatchRecord;
  readonly mask: Mask;
  /** |CAM mask ∩ SAM mask| / (|SAM mask| + 1). */
  readonly idsScore: number;
  readonly selected: boolean;
}

/**
 * Predicts a mask for each positive training patch from activation-map prompts and keeps those that agree with
 * the activation map as the next round's pseudo-labels (paper section 2, IDS score). Finished patches are read
 * back when a killed run goes on.
 */
export async function predictPseudoLabels(
  context: RunContext,
  round: number,
  patches: readonly PatchRecord[],
  predictor: PatchPredictor,
): Promise<ScoredMask[]> {
  const { run, config, reporter, signal } = context;
  const folder = `round-${round}`;
  const scored: Omit<ScoredMask, "selected">[] = [];
  for (const [index, patch] of patches.entries()) {
    signal?.throwIfAborted();
    const { initialMask } = await predictor.activation(patch);
    const file = run.path("masks", folder, `${patch.id}.png`);
    const mask = (await exists(file)) ? await readMask(file) : await predictor.segment(patch);
    await writeMaskPng(file, mask);
    scored.push({ patch, mask, idsScore: idsScore(initialMask, mask) });
    reporter.progress({ task: `pseudo-labels: round ${round}`, done: index + 1, total: patches.length });
  }
  const selected = select(scored, config.selection.idsThreshold, config.selection.minimumShare);
  await writeFileAtomically(
    run.path("masks", folder, "scores.csv"),
    stringify(
      selected.map(({ patch, idsScore, selected }) => ({
        patch: patch.id,
        ids_score: idsScore.toFixed(6),
        selected: selected ? 1 : 0,
      })),
      { header: true, columns: ["patch", "ids_score", "selected"] },
    ),
  );
  const kept = selected.filter((item) => item.selected).length;
  reporter.note(`round ${round}: ${kept} of ${selected.length} masks became pseudo-labels`);
  return selected;
}

/** Scores from the threshold on are kept; the best others fill up to the minimum share. */
function select(
  scored: readonly Omit<ScoredMask, "selected">[],
  threshold: number,
  minimumShare: number,
): ScoredMask[] {
  const least = Math.ceil(scored.length * minimumShare);
  const ranked = [...scored].sort((a, b) => b.idsScore - a.idsScore);
  const limit = Math.min(threshold, ranked[least - 1]?.idsScore ?? threshold);
  // A mask without a pixel scores 0 and can teach nothing.
  return scored.map((item) => ({ ...item, selected: item.idsScore >= limit && item.idsScore > 0 }));
}

/** The selected masks as training material. */
export function selectedMasks(scored: readonly ScoredMask[]): MaskedPatch[] {
  return scored.filter(({ selected }) => selected).map(({ patch, mask }) => ({ patch, mask }));
}
