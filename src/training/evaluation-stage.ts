import { join } from "node:path";
import { isEpSamError } from "../common/index.js";
import { camStage, untrainedStage } from "../contract/index.js";
import {
  type Dataset,
  loadPatchMask,
  type PatchRecord,
  type SkippedInput,
  type Split,
} from "../dataset/index.js";
import {
  type BootstrapOptions,
  confusion,
  type EvaluatedPatch,
  pairedDifferences,
  summarise,
  summariseClassification,
} from "../evaluation/index.js";
import { type Mask, writeMaskPng } from "../imaging/index.js";
import {
  evaluationFiles,
  type PatchFigures,
  type RunContext,
  type RunEvaluation,
  type StageComparison,
  writeEvaluation,
} from "../run/index.js";
import type { PatchPredictor } from "./patch-predictor.js";

/** What evaluation needs of a predictor. */
export type StagePredictor = Pick<PatchPredictor, "stages" | "predict">;

/** Resamples of the bootstrap confidence intervals. */
const resamples = 1000;

/**
 * Evaluates every stage of a run on a split (paper section 2, inference; Dice and IoU as the authors define
 * them, and pooled figures beside them). A patch below the classifier's gate counts as empty in every stage.
 * Writes the figures, the table of patches and the predicted masks into `out`; without pixel masks the figures
 * are the classifier's alone, and the masks those of the last stage. Patches whose own mask is missing or cannot be read
 * are named, and the pixel figures leave them out.
 * @param warnings what else is to be recorded with the figures
 */
export async function evaluateRun(
  context: RunContext,
  dataset: Dataset,
  split: Split,
  predictor: StagePredictor,
  out: string,
  warnings: readonly string[] = [],
): Promise<RunEvaluation> {
  const { config, signal, reporter } = context;
  const patches = dataset.patches.filter((patch) => patch.split === split);
  const hasMasks = patches.some(({ label, maskPath }) => label === 1 && maskPath !== null);
  const skipped: SkippedInput[] = [];
  const evaluator = {
    predictor,
    files: evaluationFiles(out, split),
    maskSize: hasMasks ? dataset.patchSize : null,
    skip: (file: string, reason: string): void => {
      skipped.push({ file, reason });
      reporter.warn(`${file}: ${reason}; the pixel figures do without.`);
    },
  };
  const figures: PatchFigures[] = [];
  for (const [index, patch] of patches.entries()) {
    signal?.throwIfAborted();
    figures.push(await evaluatePatch(evaluator, patch));
    reporter.progress({ task: `evaluation: ${split}`, done: index + 1, total: patches.length });
  }
  const { seed, gate } = config;
  const withMasks = evaluator.maskSize !== null;
  if (!withMasks) tellLostMasks(dataset, split, evaluator.skip);
  const evaluation: RunEvaluation = {
    split,
    datasetRoot: dataset.root,
    datasetHash: dataset.hash,
    patches: figures.length,
    gate,
    resamples,
    classification: classify(figures, seed, gate),
    stages: predictor.stages.map((stage) => ({
      stage,
      summary: withMasks ? summarise(evaluated(figures, stage), { seed, resamples }) : null,
    })),
    comparisons: withMasks ? comparisons(figures, predictor.stages, { seed, resamples }) : [],
    missing: withMasks ? null : missingReason(dataset, split),
    skipped,
    warnings: [...warnings],
  };
  const earlier = await writeEvaluation(out, evaluation, figures);
  if (earlier !== null)
    reporter.note(`The earlier figures of the split ${split}, which differ, are kept in ${earlier}.`);
  return evaluation;
}

/** Every fine-tuned decoder against the initial masks it learnt from and against SAM as it was before. */
function comparisons(
  figures: readonly PatchFigures[],
  stages: readonly string[],
  options: BootstrapOptions,
): StageComparison[] {
  const references = [camStage, untrainedStage].filter((stage) => stages.includes(stage));
  const trained = stages.filter((stage) => !references.includes(stage));
  return trained.flatMap((stage) =>
    references.map((against) => ({
      stage,
      against,
      differences: pairedDifferences(evaluated(figures, against), evaluated(figures, stage), options),
    })),
  );
}

interface PatchEvaluator {
  readonly predictor: StagePredictor;
  readonly files: ReturnType<typeof evaluationFiles>;
  /** Side of the pixel masks, or null when the split has none. */
  readonly maskSize: number | null;
  skip(file: string, reason: string): void;
}

/** Predicts a patch, keeps its masks and counts their pixels. */
async function evaluatePatch(
  { predictor, files, maskSize, skip }: PatchEvaluator,
  patch: PatchRecord,
): Promise<PatchFigures> {
  const wanted = maskSize === null ? predictor.stages.slice(-1) : predictor.stages;
  const { probability, masks } = await predictor.predict(patch, wanted);
  for (const [stage, mask] of Object.entries(masks)) await writeMaskPng(files.mask(stage, patch.id), mask);
  const { id, patient, label } = patch;
  const target = maskSize === null ? null : await maskOf(patch, maskSize, skip);
  if (target === null) return { id, patient, label, probability, confusions: {} };
  const confusions = Object.entries(masks).map(([stage, mask]) => [stage, confusion(mask, target)]);
  return { id, patient, label, probability, confusions: Object.fromEntries(confusions) };
}

/** The pixel mask of a patch; null, and told, when it is missing or cannot be read. */
async function maskOf(patch: PatchRecord, size: number, skip: PatchEvaluator["skip"]): Promise<Mask | null> {
  try {
    return await loadPatchMask(patch, size);
  } catch (failure) {
    if (!isEpSamError(failure, "input-mask")) throw failure;
    const { what, why } = failure.fields;
    skip(failure.fields.where ?? patch.id, why === undefined ? what : `${what} (${why})`);
    return null;
  }
}

/** The gate of segmentation is the threshold of classification too, unless it lets every patch pass. */
function classify(figures: readonly PatchFigures[], seed: number, gate: number) {
  const threshold = gate === 0 ? 0.5 : gate;
  const scored = figures.map(({ id, patient, label, probability }) => ({
    id,
    group: patient,
    label,
    score: probability,
  }));
  return { ...summariseClassification(scored, { seed, resamples, threshold }), threshold };
}

function evaluated(figures: readonly PatchFigures[], stage: string): EvaluatedPatch[] {
  return figures.flatMap(({ id, patient, label, confusions }) => {
    const counts = confusions[stage];
    return counts === undefined ? [] : [{ id, group: patient, label, confusion: counts }];
  });
}

/** Masks that were there when the dataset was made, as fractions in its manifest tell, and are all gone. */
function tellLostMasks({ root, patches }: Dataset, split: Split, skip: PatchEvaluator["skip"]): void {
  const lost = patches.filter(
    (patch) => patch.split === split && patch.label === 1 && patch.tumourFraction !== null,
  );
  if (lost.length === 0) return;
  const of = lost.length === 1 ? "its positive patch" : `its ${lost.length} positive patches`;
  skip(join(root, split, "mask"), `holds no mask of ${of}, of which the manifest has tumour fractions`);
}

function missingReason(dataset: Dataset, split: Split): string {
  const positives = dataset.patches.filter((patch) => patch.split === split && patch.label === 1);
  if (positives.length === 0) return `the split ${split} has no positive patches`;
  return `the split ${split} has no pixel masks for its positive patches`;
}
