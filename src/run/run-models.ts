import { EpSamError, exists, must } from "../common/index.js";
import { classifierStage, type DecoderStage, decoderStages, untrainedStage } from "../contract/index.js";
import {
  type ActivationClassifier,
  ClassActivationMapper,
  DenseActivationClassifier,
  denseTensors,
  Method,
  OpenOnce,
  type PromptSettings,
  takesMaskPrompt,
} from "../method/index.js";
import {
  asOwnBackbone,
  createSamFrame,
  type FrozenFeaturesPlan,
  loadBackboneWeights,
  ownBackbone,
  planFrozenFeatures,
  readSafetensors,
  type SamFrame,
  type ShownPatch,
  type StateDict,
  stateDictOf,
} from "../models/index.js";
import { classifierOptions, decoderBackbone, denseOptions } from "./config.js";
import type { TrainingConfig } from "./config-schema.js";
import { trainsItsBackbone } from "./dense-keys.js";
import { classifierFile, decoderFile, requireUnchanged, taughtSquaresFile } from "./kept-files.js";
import { requireRecordedNetworks } from "./network-record.js";
import type { RunContext } from "./run-context.js";
import type { SamSource } from "./sam-source.js";
import { seesFeatures } from "./segmenter-keys.js";

/** A decoder: its name in tables and its weights with the frozen prompt encoder's. */
export interface NamedDecoder {
  readonly stage: string;
  readonly weights: StateDict;
}

/** The stages whose decoders are trained, in order: `preliminary`, `round-1`, … */
export function finishedDecoderStages({ run, config }: Pick<RunContext, "run" | "config">): DecoderStage[] {
  return decoderStages(config.rounds).filter((stage) => run.isDone(stage));
}

/**
 * What a run's decoders start from, and what stays frozen in them: SAM's prompt encoder and decoder, unless they are
 * pyramids, and the backbone whose features they see, by names with `backbonePrefix`: the classifier's where that has
 * trained one.
 * @throws EpSamError `run-directory` when the classifier is to train one and is not trained yet
 */
export async function decoderBase(
  context: Pick<RunContext, "run" | "config">,
  { loadDecoder }: Pick<SamSource, "loadDecoder">,
): Promise<StateDict> {
  const { config } = context;
  const sam = config.decoder.kind === "sam" ? await loadDecoder() : new Map();
  if (!seesFeatures(config.decoder)) return sam;
  const own = trainsItsBackbone(config)
    ? trainedBackbone(context, await readClassifier(context))
    : (await loadBackboneWeights(decoderBackbone(config))).weights;
  return new Map([...sam, ...asOwnBackbone(own)]);
}

/**
 * The backbone that a run's classifier has trained, by the backbone's own names.
 * @throws EpSamError `weights` when its weights lack it
 */
function trainedBackbone(
  { run, config }: Pick<RunContext, "run" | "config">,
  classifier: StateDict,
): StateDict {
  const own = ownBackbone(classifier);
  if (own.size > 0) return own;
  throw new EpSamError("weights", {
    what: "lacks the backbone that was trained with it",
    where: classifierFile(run),
    why: `classifier.dense.trainBackbone of ${run.root} is ${config.classifier.dense.trainBackbone}`,
    action: "Put the file back from a copy, or train again into a new directory.",
  });
}

/** The decoders that tables and users can choose: SAM as it is, where it is {@link isPrompted | prompted}, and the finished ones. */
export function usableDecoderStages(context: Pick<RunContext, "run" | "config">): string[] {
  const finished = finishedDecoderStages(context);
  return isPrompted(context.config) ? [untrainedStage, ...finished] : finished;
}

/**
 * A stage's decoder completed with what stays frozen, see {@link decoderBase}.
 * @throws EpSamError `weights` when its file is not as training left it
 */
export async function readDecoder(
  { run }: Pick<RunContext, "run">,
  stage: string,
  base: StateDict,
): Promise<NamedDecoder> {
  const file = decoderFile(run, stage);
  await requireUnchanged(run, stage);
  const trained = stateDictOf((await readSafetensors(file)).tensors, { file });
  return { stage, weights: new Map([...base, ...trained]) };
}

/** As {@link readDecoder}, or SAM's own for {@link untrainedStage}. */
export async function decoderWeights(
  context: Pick<RunContext, "run">,
  stage: string,
  base: StateDict,
): Promise<StateDict> {
  return stage === untrainedStage ? base : (await readDecoder(context, stage, base)).weights;
}

/**
 * The stage whose decoder a user means: the one asked for, or the last that is finished.
 * @param purpose what is to be done with the decoder, for the message: `use` or `export`
 * @throws EpSamError `run-directory` when none is finished and none was asked for; `usage` when the one asked for is
 *   not finished.
 */
export function chooseDecoderStage(
  context: Pick<RunContext, "run" | "config">,
  wanted: string | undefined,
  purpose: "use" | "export",
): string {
  requireMoreThanSquares(context);
  const last = finishedDecoderStages(context).at(-1);
  const available = usableDecoderStages(context);
  if (wanted === undefined && last === undefined) {
    const orSam = available.includes(untrainedStage)
      ? `, or ${purpose} SAM as it is with \`stage: ${untrainedStage}\``
      : "";
    throw new EpSamError("run-directory", {
      what: "has no trained decoder yet",
      where: context.run.root,
      action: `Go on with \`epsam train --resume\`${orSam}.`,
    });
  }
  const chosen = available.find((stage) => stage === (wanted ?? last));
  if (chosen !== undefined) return chosen;
  throw new EpSamError("usage", {
    what: `"${wanted}" is not a finished decoder of this run`,
    where: "`stage`",
    action: `Choose from ${available.join(", ")}.`,
  });
}

/** Whether a run's classifier is all of it, as when squares have taught a new head: its map is the segmentation. */
export function endsWithItsMap({ run }: Pick<RunContext, "run">): boolean {
  return run.record.taught?.from === null;
}

/** @throws EpSamError `usage` for a run that labelled squares alone have made: it has neither a decoder nor a dataset */
export function requireMoreThanSquares(context: Pick<RunContext, "run">): void {
  if (!endsWithItsMap(context)) return;
  throw new EpSamError("usage", {
    where: context.run.root,
    what: "was made of labelled squares alone",
    why: "it is a head on a frozen backbone, without a decoder and without a dataset",
    action: `Teach it further with \`epsam teach --run\`, segment with \`epsam infer\`, or train from its head on a dataset: \`epsam train --data DATASET --from-run ${context.run.root} --out RUN\`; \`epsam prepare SLIDES --labelled-squares ${taughtSquaresFile(context.run)} --out DATASET\` makes one of its squares.`,
  });
}

/**
 * The weights of the run's classifier.
 * @throws EpSamError `run-directory` when it is not trained yet, `weights` when it is not as training left it.
 */
export async function readClassifier({ run }: Pick<RunContext, "run">): Promise<StateDict> {
  const file = classifierFile(run);
  if (await exists(file)) {
    await requireUnchanged(run, classifierStage);
    return stateDictOf((await readSafetensors(file)).tensors, { file });
  }
  throw new EpSamError("run-directory", {
    what: "has no trained classifier yet",
    where: run.root,
    action: "Go on with `epsam train --resume`.",
  });
}

/** The transforms between a run's patches and SAM's input. */
export function frameOf({ sam }: Pick<TrainingConfig, "sam">, patchSize: number): SamFrame {
  return createSamFrame({ width: patchSize, height: patchSize }, { frame: sam.promptFrame });
}

/** Makes a plan of one, whose networks need not compute what was computed before. */
export type FeaturesFrom = (plan: FrozenFeaturesPlan) => FrozenFeaturesPlan;

/**
 * The method with a run's settings and models, for square patches. The classifier is opened when it is needed.
 * @param patchSize side of the patches in pixels
 * @param features where a dense classifier's come from; always computed unless told
 */
export function openMethod(
  context: RunContext,
  patchSize: number,
  decoders: readonly NamedDecoder[],
  features: FeaturesFrom = (plan) => plan,
): Promise<Method> {
  const { config, device } = context;
  const isDense = config.classifier.model === "dense";
  const classifier = new OpenOnce<ActivationClassifier>(() =>
    isDense ? openDenseClassifier(context, patchSize, features) : openActivationMapper(context, patchSize),
  );
  const settings = {
    seed: config.seed,
    cam: { ...config.cam, scale: isDense ? "logits" : "relative" },
    sam: promptSettings(config),
    seeing: { entry: decoderBackbone(config), flips: config.decoder.flipsAtTest },
  } as const;
  return Method.open(settings, frameOf(config, patchSize), { classifier, decoders, device });
}

/** What a run's decoders are prompted with: a pyramid with nothing. */
export function promptSettings({ sam, decoder }: Pick<TrainingConfig, "sam" | "decoder">): PromptSettings {
  return decoder.kind === "sam" ? sam : { points: 0, maskPrompt: "none" };
}

/** Whether a run's decoders are prompted, so that SAM as it is can be, too: without features it would not know what to look for. */
export function isPrompted(config: Pick<TrainingConfig, "sam" | "decoder">): boolean {
  const settings = promptSettings(config);
  return settings.points > 0 || takesMaskPrompt(settings);
}

/**
 * The run's classifier compiled to give activation maps of square patches.
 * @param patchSize side of the patches in pixels
 * @throws EpSamError `run-directory` when the classifier is not trained yet.
 */
export async function openActivationMapper(
  context: RunContext,
  patchSize: number,
): Promise<ClassActivationMapper> {
  const weights = await readClassifier(context);
  const side = classifierInputSide(context, patchSize);
  const inputSize = { width: side, height: side };
  return ClassActivationMapper.create(
    { model: classifierOptions(context.config), weights, inputSize, device: context.device },
    context.config.cam,
  );
}

/**
 * The run's dense classifier compiled for square patches.
 * @param patchSize side of the patches in pixels
 * @throws EpSamError `run-directory` when the classifier is not trained yet.
 */
async function openDenseClassifier(
  context: RunContext,
  patchSize: number,
  featuresFrom: FeaturesFrom,
): Promise<DenseActivationClassifier> {
  const { config, device } = context;
  await requireRecordedNetworks(context);
  const weights = await readClassifier(context);
  const own = trainsItsBackbone(config) ? trainedBackbone(context, weights) : undefined;
  const shown = shownPatch(context, patchSize);
  const features = featuresFrom(planFrozenFeatures(config.classifier.dense.backbone, shown, own));
  // What it learnt from is in its weights.
  const ofMany = denseOptions(config, true);
  const isOfMany =
    must(weights, denseTensors.mean, "a dense classifier's tensors").data.length === ofMany.channels;
  const options = isOfMany ? ofMany : denseOptions(config, false);
  return DenseActivationClassifier.create({ features, options, weights, device });
}

/** How a run's frozen networks see its patches: at the resolution that it was trained at. */
export function shownPatch(context: Pick<RunContext, "run" | "config">, patchSize: number): ShownPatch {
  const side = classifierInputSide(context, patchSize);
  const { dataset } = context.run.record;
  const micronsPerPixel = dataset.resolution?.mpp?.median ?? null;
  return { patchSize, trainedSize: trainedSide(context), side, micronsPerPixel };
}

/** Side of the classifier's input for a patch, so that it sees the magnification it was trained at. */
export function classifierInputSide(context: Pick<RunContext, "run" | "config">, patchSize: number): number {
  const trainedSize = trainedSide(context);
  return Math.round((patchSize * (context.config.classifier.inputSize ?? trainedSize)) / trainedSize);
}

/** Side of the patches that the classifier was trained with. */
function trainedSide({ run: { record } }: Pick<RunContext, "run">): number {
  return (record.classifierDataset ?? record.dataset).patchSize;
}
