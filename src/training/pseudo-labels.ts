import { exists } from "../common/index.js";
import { confidenceFolder, roundStage } from "../contract/index.js";
import { imposeLabels, KnownClass, knownPixels, type PatchRecord, windowsOf } from "../dataset/index.js";
import {
  type FloatMap,
  type GreyImage,
  type Mask,
  readMask,
  readRgbImage,
  writeMaskPng,
  writePng,
} from "../imaging/index.js";
import { foregroundOf, type PatchActivation, probabilitiesOf, selectPseudoLabels } from "../method/index.js";
import { type RunContext, readKept, writeScores } from "../run/index.js";
import type { MaskedPatch } from "./decoder-samples.js";
import type { PatchPredictor } from "./patch-predictor.js";

/**
 * Predicts a mask for each positive training patch, imposes the labels of its windows, and keeps the masks that agree
 * with the activation map as the round's pseudo-labels (paper section 2, IDS score). Finished patches are read back
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
  const confidenceFile = ({ id }: PatchRecord) => run.path(confidenceFolder, roundStage(round), `${id}.png`);
  const weighted = config.decoder.confidence;
  const predicted = async (patch: PatchRecord, activation: PatchActivation): Promise<Mask> => {
    const isKept = (await exists(maskFile(patch))) && (!weighted || (await exists(confidenceFile(patch))));
    if (isKept) return readKept(maskFile(patch), readMask);
    const logits = await predictor.segment(patch, activation);
    if (weighted && logits !== undefined) await writePng(confidenceFile(patch), confidenceOf(logits, patch));
    const mask = logits === undefined ? activation.emptyMask() : foregroundOf(logits);
    const imposed = imposeLabels(mask, windowsOf(patch, mask.width));
    await writeMaskPng(maskFile(patch), imposed);
    return imposed;
  };
  const scored: { readonly patch: PatchRecord; readonly idsScore: number }[] = [];
  for (const [index, patch] of patches.entries()) {
    signal?.throwIfAborted();
    const activation = await predictor.activation(patch);
    scored.push({ patch, idsScore: await predictor.score(activation, await predicted(patch, activation)) });
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
    .map((patch) => ({
      patch,
      readMask: () => readKept(maskFile(patch), readMask),
      readConfidence: weighted ? () => readKept(confidenceFile(patch), readGrey) : undefined,
    }));
}

/** How sure logits are of each pixel, |2p − 1| from 0 to 255; all of what the labels of windows say. */
function confidenceOf(logits: FloatMap, patch: PatchRecord): GreyImage {
  const known = knownPixels(windowsOf(patch, logits.width), logits.width);
  const { data, ...size } = probabilitiesOf(logits);
  const level = (probability: number, pixel: number): number =>
    known[pixel] === KnownClass.unknown ? Math.round(255 * Math.abs(2 * probability - 1)) : 255;
  return { ...size, data: Uint8Array.from(data, level) };
}

async function readGrey(path: string): Promise<GreyImage> {
  const { data, ...size } = await readRgbImage(path);
  return { ...size, data: data.filter((_, at) => at % 3 === 0) };
}
