import { EpSamError } from "../common/index.js";
import { countLabels, type Dataset, describeCounts, type Split } from "../dataset/index.js";
import { createSamFrame } from "../models/index.js";
import type { RunContext } from "../run/index.js";
import {
  evaluationFolder,
  finishedDecoderStages,
  type NamedDecoder,
  openSam,
  type RunDirectory,
  type RunEvaluation,
  readDecoder,
  stageNames,
  untrainedStage,
} from "../run/index.js";
import { removeCheckpoint } from "./checkpoint.js";
import { evaluateRun } from "./evaluation-stage.js";
import { withPredictor } from "./open-predictor.js";
import { type PipelineData, PipelineStages } from "./pipeline-stages.js";
import { runStage, type StageSummary } from "./stage-clock.js";

/**
 * The whole method in order (paper section 2): classifier, initial masks, preliminary fine-tuning, rounds of
 * re-training, evaluation. Stages that are done are skipped, so the same call goes on after a kill.
 * @param only stages to run; all of them when left out.
 * @throws EpSamError `usage` when a stage is asked for whose predecessors are not done.
 */
export async function runPipeline(
  context: RunContext,
  data: PipelineData,
  only?: readonly string[],
): Promise<void> {
  const { config, run, reporter, signal } = context;
  const stages = new PipelineStages(context, data, await (await openSam(context)).loadDecoder());
  const works: Record<string, () => Promise<StageSummary>> = {
    classifier: () => stages.classifier(),
    "initial-masks": () => stages.initialMasks(),
    preliminary: () => stages.preliminary(),
    evaluation: () => evaluateTestSplit(context, data.dataset),
  };
  for (let round = 1; round <= config.rounds; round++) works[`round-${round}`] = () => stages.round(round);
  for (const stage of stageNames(config.rounds)) {
    const work = works[stage];
    if (work === undefined || (only !== undefined && !only.includes(stage))) continue;
    signal?.throwIfAborted();
    if (run.isDone(stage)) reporter.note(`${stage}: done already`);
    else {
      requirePredecessors(run, stage, config.rounds);
      await runStage(run, stage, work);
    }
    // Only now: a kill between saving the weights and recording the stage must not cost its epochs.
    await removeCheckpoint(run, stage);
  }
}

function requirePredecessors(run: RunDirectory, stage: string, rounds: number): void {
  const order = stageNames(rounds);
  const missing = order.slice(0, order.indexOf(stage)).filter((earlier) => !run.isDone(earlier));
  if (missing.length === 0) return;
  throw new EpSamError("usage", {
    what: `the stage ${stage} needs stages that are not done: ${missing.join(", ")}`,
    where: "`stages`",
    action: "Name them too, or leave out `stages` to run all that are left.",
  });
}

async function evaluateTestSplit(context: RunContext, dataset: Dataset): Promise<StageSummary> {
  // A dataset without a test split can be trained on; validation has warned of it.
  if (!dataset.patches.some(({ split }) => split === "test")) return { patches: 0 };
  const evaluation = await evaluateSplit(context, dataset, "test");
  const figures = evaluation.stages.map(({ stage, summary }) => [
    `meanIou ${stage}`,
    summary?.metrics.meanIou?.value ?? null,
  ]);
  return { patches: evaluation.patches, ...Object.fromEntries(figures) };
}

/**
 * Evaluates every finished stage of a run on a split of a dataset: writes the figures, the table of patches and
 * the predicted masks, see {@link evaluateRun}. Patches may have another size than those of training when they
 * have the same magnification.
 * @param out folder to write into; by default `evaluation` in the run, or a folder below it for other data.
 * @throws EpSamError `run-directory` when the classifier is not trained yet; `dataset` when the split is empty.
 */
export async function evaluateSplit(
  context: RunContext,
  dataset: Dataset,
  split: Split,
  out: string = evaluationFolder(context.run, dataset),
): Promise<RunEvaluation> {
  requirePatches(dataset, split);
  const frame = createSamFrame(
    { width: dataset.patchSize, height: dataset.patchSize },
    { frame: context.config.sam.promptFrame },
  );
  const samWeights = await (await openSam(context)).loadDecoder();
  const decoders: NamedDecoder[] = [{ stage: untrainedStage, weights: samWeights }];
  for (const stage of finishedDecoderStages(context)) {
    decoders.push(await readDecoder(context, stage, samWeights));
  }
  return withPredictor(context, { dataset, frame, decoders }, (predictor) =>
    evaluateRun(context, dataset, split, predictor, out),
  );
}

function requirePatches(dataset: Dataset, split: Split): void {
  if (dataset.patches.some((patch) => patch.split === split)) return;
  throw new EpSamError("dataset", {
    what: `has no patches in the split ${split}`,
    where: dataset.root,
    why: describeCounts(countLabels(dataset.patches)),
    action: "Choose another `split`, or prepare the dataset with a share for it.",
  });
}
