import { EpSamError, requireWritable } from "../common/index.js";
import {
  camStage,
  classifierStage,
  evaluationStage,
  roundOf,
  type Stage,
  stageNames,
} from "../contract/index.js";
import {
  checkOneMagnification,
  checkSameMagnification,
  countLabels,
  type Dataset,
  describeCounts,
  patchResolution,
  type Split,
} from "../dataset/index.js";
import { type DeviceSource, startDevice } from "../graph/index.js";
import type { StateDict } from "../models/index.js";
import {
  decoderBase,
  decoderWeights,
  evaluationFolder,
  type NamedDecoder,
  openSam,
  type RunContext,
  type RunEvaluation,
  requireUnchanged,
  type SamSource,
  usableDecoderStages,
} from "../run/index.js";
import { evaluateRun } from "./evaluation-stage.js";
import { PatchEmbeddings } from "./patch-embeddings.js";
import { PatchPredictor } from "./patch-predictor.js";
import { type OpenedSam, type PipelineData, PipelineStages } from "./pipeline-stages.js";
import { runStages, type StageSummary } from "./resume.js";

/** How much of the pipeline is run. */
export interface PipelineOptions {
  /** The run's SAM where it is open already. */
  readonly sam?: SamSource | undefined;
  /** Stages to run; all of them when left out. */
  readonly only?: readonly string[] | undefined;
}

/**
 * The whole method in order (paper section 2): classifier, initial masks, preliminary fine-tuning, rounds of
 * re-training, evaluation. Stages that are done are skipped, so the same call goes on after a kill.
 * @throws EpSamError `usage` when a stage is asked for whose predecessors are not done.
 */
export async function runPipeline(
  context: RunContext,
  data: PipelineData,
  { sam: known, only }: PipelineOptions = {},
): Promise<void> {
  const sam = await opened(context, known);
  const stages = new PipelineStages(context, data, sam);
  const work = (stage: Stage): Promise<StageSummary> => {
    if (stage === classifierStage) return stages.classifier();
    if (stage === camStage) return stages.initialMasks();
    if (stage === evaluationStage) return evaluateTestSplit(context, data.dataset, sam);
    const round = roundOf(stage);
    return round === 0 ? stages.preliminary() : stages.round(round);
  };
  await runStages({ ...context, order: stageNames(context.config.rounds), only }, work);
}

async function opened(context: RunContext, known?: SamSource): Promise<OpenedSam> {
  const source = known ?? (await openSam(context));
  // Read now, so that what is wrong with it is told before anything is trained.
  const sam = context.config.decoder.kind === "sam" ? await source.loadDecoder() : new Map();
  let base: Promise<StateDict> | undefined;
  const weights = (): Promise<StateDict> => {
    base ??= decoderBase(context, { loadDecoder: async () => sam });
    return base;
  };
  return { encoder: source.encoder, weights };
}

async function evaluateTestSplit(
  context: RunContext,
  dataset: Dataset,
  sam: OpenedSam,
): Promise<StageSummary> {
  // A dataset without a test split can be trained on; validation has warned of it.
  if (!dataset.patches.some(({ split }) => split === "test")) return { patches: 0 };
  const evaluation = await evaluateStages(context, sam, dataset, "test");
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
 * @throws EpSamError `run-directory` when the classifier is not trained yet; `dataset` when the split is empty;
 *   `usage` when the patches have another magnification than those of the run, and that is not meant
 */
export async function evaluateSplit(
  context: RunContext,
  dataset: Dataset,
  split: Split,
  out?: string,
  {
    anyResolution,
    device = context.device,
  }: { readonly anyResolution?: boolean | undefined; readonly device?: DeviceSource } = {},
): Promise<RunEvaluation> {
  requirePatches(dataset, split);
  const warnings = warningsOfResolution(context.run, dataset, anyResolution);
  for (const warning of warnings) context.reporter.warn(`${warning}.`);
  await requireWritable(out ?? context.run.root);
  await requireUnchanged(context.run, classifierStage);
  const begun = { ...context, device: await startDevice(device) };
  return evaluateStages(begun, await opened(begun), dataset, split, out, warnings);
}

async function evaluateStages(
  context: RunContext,
  sam: OpenedSam,
  dataset: Dataset,
  split: Split,
  out: string = evaluationFolder(context.run, dataset),
  warnings: readonly string[] = [],
): Promise<RunEvaluation> {
  // Kept activation maps come from it, and then nobody opens it.
  await requireUnchanged(context.run, classifierStage);
  const decoders: NamedDecoder[] = [];
  for (const stage of usableDecoderStages(context)) {
    decoders.push({ stage, weights: await decoderWeights(context, stage, await sam.weights()) });
  }
  const embeddings = await PatchEmbeddings.open(context, sam.encoder, dataset.patchSize);
  try {
    const predictor = await PatchPredictor.open(context, dataset, decoders, embeddings);
    try {
      return await evaluateRun(context, dataset, split, predictor, out, warnings);
    } finally {
      await predictor.close();
    }
  } finally {
    await embeddings.close();
  }
}

/** What is told of patches of another magnification than those that were trained on. */
function warningsOfResolution(
  { record }: RunContext["run"],
  dataset: Dataset,
  anyResolution: boolean | undefined,
): string[] {
  const { resolution } = record.dataset;
  if (resolution === undefined || record.dataset.hash === dataset.hash) return [];
  const own = { of: dataset.root, resolution: patchResolution(dataset.patches) };
  const rule = { anyResolution, action: "Prepare the data at the resolution of the run." };
  const trained = { of: "the data of the run", resolution };
  return [...checkOneMagnification(own, rule), ...checkSameMagnification(trained, own, rule)];
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
