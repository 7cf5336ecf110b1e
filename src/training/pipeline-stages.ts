import { classifierStage, type DecoderStage, roundOf, roundStage } from "../contract/index.js";
import { type Dataset, imposeLabels, type PatchRecord, windowsOf } from "../dataset/index.js";
import { readMask, writeMaskPng } from "../imaging/index.js";
import { type StateDict, writeSafetensors } from "../models/index.js";
import {
  classifierFile,
  decoderFile,
  frameOf,
  type RunContext,
  readDecoder,
  readKept,
  type SamSource,
  seesFeatures,
} from "../run/index.js";
import { trainClassifier } from "./classifier-stage.js";
import type { CorrectedMasks } from "./corrected-masks.js";
import { DecoderPatches } from "./decoder-patches.js";
import type { MaskedPatch } from "./decoder-samples.js";
import { trainDecoder } from "./decoder-stage.js";
import { trainDenseClassifier } from "./dense-classifier-stage.js";
import type { EpochLoopResult } from "./epoch-loop.js";
import { PatchEmbeddings } from "./patch-embeddings.js";
import { type PatchActivations, PatchPredictor, withActivations } from "./patch-predictor.js";
import { predictPseudoLabels } from "./pseudo-labels.js";
import type { StageSummary } from "./resume.js";
import { trainSegmenter } from "./segmenter-stage.js";

/** The data of a run. */
export interface PipelineData {
  readonly dataset: Dataset;
  /** Patches that the classifier learns from when they differ from those that are segmented. */
  readonly classifierDataset: Dataset;
  /** Masks that an expert has corrected, learnt from in the last round beside the pseudo-labels. */
  readonly corrections?: CorrectedMasks | undefined;
}

/** The SAM that a run works with, its weights read. */
export interface OpenedSam {
  readonly encoder: SamSource["encoder"];
  /**
   * What decoders start from, see `decoderBase`: `prompt_encoder.*` and `mask_decoder.*` before any training. To be asked
   * for when the classifier is trained, whose backbone may be part of it.
   */
  weights(): Promise<StateDict>;
}

/** The training stages of one run with what they share. Each returns the figures worth a line in `run.json`. */
export class PipelineStages {
  readonly #context: RunContext;
  readonly #data: PipelineData;
  readonly #sam: OpenedSam;
  readonly #patches: DecoderPatches;

  constructor(context: RunContext, data: PipelineData, sam: OpenedSam) {
    this.#context = context;
    this.#data = data;
    this.#sam = sam;
    this.#patches = new DecoderPatches(context, data.dataset);
  }

  /** Trains the patch classifier. */
  async classifier(): Promise<StageSummary> {
    const { classifierDataset } = this.#data;
    const train = this.#context.config.classifier.model === "dense" ? trainDenseClassifier : trainClassifier;
    const result = await train({
      ...this.#context,
      train: classifierDataset.patches.filter(({ split }) => split === "train"),
      validation: classifierDataset.patches.filter(({ split }) => split === "val"),
      patchSize: classifierDataset.patchSize,
    });
    await this.#save(classifierStage, classifierFile(this.#context.run), result.weights);
    return summaryOf(result);
  }

  /** Computes activation maps and initial masks of all positive patches of train and val. */
  async initialMasks(): Promise<StageSummary> {
    const { reporter, signal } = this.#context;
    const patches = [...this.#patches.positives("train"), ...this.#patches.positives("val")];
    let empty = 0;
    await withActivations(this.#context, this.#data.dataset, async (activations) => {
      for (const [index, patch] of patches.entries()) {
        signal?.throwIfAborted();
        const activated = await (await activations.get(patch)).initialMask();
        const initialMask = imposeLabels(activated, windowsOf(patch, activated.width));
        if (!initialMask.data.includes(1)) empty++;
        await writeMaskPng(this.#patches.initialMaskFile(patch), initialMask);
        reporter.progress({ task: "initial masks", done: index + 1, total: patches.length });
      }
    });
    return { masks: patches.length, empty };
  }

  /** Fine-tunes the decoder on the initial masks. */
  async preliminary(): Promise<StageSummary> {
    const train: MaskedPatch[] = [];
    for (const patch of this.#patches.training()) {
      const file = this.#patches.initialMaskFile(patch);
      const { data } = await readKept(file, readMask);
      if (data.includes(1)) train.push({ patch, readMask: () => readKept(file, readMask) });
    }
    return this.#trainDecoder(roundStage(0), [...train, ...this.#patches.negatives()]);
  }

  /**
   * Predicts pseudo-labels with the decoder of the stage before and trains the original decoder on those that
   * agree with the activation maps. When none does there is nothing to learn from: the decoder before is kept.
   * The last round of a run with corrections learns from those too, whatever the classifier says of them, and not
   * from pseudo-labels of places that were corrected.
   */
  async round(round: number): Promise<StageSummary> {
    const stage = roundStage(round);
    const previous = roundStage(round - 1);
    const { run } = this.#context;
    const isLast = round === this.#context.config.rounds;
    const corrections = isLast ? this.#data.corrections : undefined;
    const candidates = this.#patches.training().filter((patch) => corrections?.cover(patch) !== true);
    const selected = await this.#pseudoLabels(round, candidates);
    const corrected = corrections?.patches ?? [];
    const counts = {
      pseudoLabels: selected.length,
      candidates: candidates.length,
      ...(corrections === undefined ? {} : { correctedMasks: corrected.length }),
    };
    if (corrected.length + selected.length > 0) {
      const train = [...corrected, ...selected, ...this.#patches.negatives(corrections)];
      const summary = await this.#trainDecoder(stage, train);
      this.#tellWithoutGain(stage, previous, summary);
      return { ...summary, ...counts };
    }
    const { idsThreshold } = this.#context.config.selection;
    this.#context.reporter.warn(
      `${stage}: no predicted mask reached the IDS score ${idsThreshold}, so the decoder of ${previous} is kept. ` +
        "Lower selection.idsThreshold or set selection.minimumShare to train this round.",
    );
    const { weights } = await readDecoder(this.#context, previous, new Map());
    await this.#save(stage, decoderFile(run, stage), weights);
    return { ...counts, keptDecoder: previous };
  }

  /** Says that a round is no better on validation than the one before. */
  #tellWithoutGain(stage: DecoderStage, previous: DecoderStage, summary: StageSummary): void {
    const before = this.#context.run.record.stages[previous]?.summary;
    const [old, now] = [before?.bestValidationLoss, summary.bestValidationLoss];
    if (before?.validation !== summary.validation || typeof old !== "number" || typeof now !== "number")
      return;
    if (now < old) return;
    this.#context.reporter.note(
      `${stage}: does not gain on validation over ${previous}: ${summary.validation} ${now.toFixed(4)} ` +
        `after ${old.toFixed(4)}; with fewer rounds the result may be as good`,
    );
  }

  /** The masks that the decoder of the round before gives, as far as the classifier agrees with them. */
  async #pseudoLabels(round: number, candidates: readonly PatchRecord[]): Promise<MaskedPatch[]> {
    const { dataset } = this.#data;
    const decoder = await readDecoder(this.#context, roundStage(round - 1), await this.#sam.weights());
    const embeddings = await PatchEmbeddings.open(this.#context, this.#sam.encoder, dataset.patchSize);
    try {
      const predictor = await PatchPredictor.open(this.#context, dataset, [decoder], embeddings);
      try {
        return await predictPseudoLabels(this.#context, round, candidates, predictor);
      } finally {
        await predictor.close();
      }
    } finally {
      await embeddings.close();
    }
  }

  async #trainDecoder(stage: DecoderStage, train: readonly MaskedPatch[]): Promise<StageSummary> {
    const { patchSize } = this.#data.dataset;
    const embeddings = await PatchEmbeddings.open(this.#context, this.#sam.encoder, patchSize);
    try {
      const { result, criterion } = await this.#withActivations(async (activations, activationsOf) => {
        const { criterion, patches } = await this.#patches.validation(activations);
        const options = {
          ...this.#context,
          stage,
          train,
          validation: patches,
          frame: frameOf(this.#context.config, patchSize),
          embeddings,
          activationLogits: async (patch: PatchRecord) => (await activationsOf(patch).get(patch)).logits(),
        };
        const weights = await this.#sam.weights();
        const result = seesFeatures(this.#context.config.decoder)
          ? await trainSegmenter({
              ...options,
              base: weights,
              ...(await this.#before(stage)),
            })
          : await trainDecoder({ ...options, samWeights: weights });
        return { result, criterion };
      });
      await this.#save(stage, decoderFile(this.#context.run, stage), result.weights);
      return { ...summaryOf(result), trainingPatches: train.length, validation: criterion };
    } finally {
      await embeddings.close();
    }
  }

  /** What a round takes over from the stage before: the features' standardisation, and the decoder if asked. */
  async #before(stage: DecoderStage): Promise<{ standardisation?: StateDict; start?: StateDict }> {
    const round = roundOf(stage);
    if (round === 0) return {};
    const { weights } = await readDecoder(this.#context, roundStage(round - 1), new Map());
    const standardisation = new Map([...weights].filter(([name]) => name.startsWith("standardisation.")));
    return this.#context.config.decoder.warmStart ? { standardisation, start: weights } : { standardisation };
  }

  /** Saves a stage's weights with where they come from. */
  async #save(stage: string, file: string, weights: StateDict): Promise<void> {
    const metadata = {
      stage,
      config: JSON.stringify(this.#context.config),
      datasetHash: this.#data.dataset.hash,
    };
    await writeSafetensors(file, weights, metadata);
  }

  /** Patch ids are unique only within a dataset, so that corrected patches have activations of their own. */
  #withActivations<Result>(
    work: (
      activations: PatchActivations,
      activationsOf: (patch: PatchRecord) => PatchActivations,
    ) => Promise<Result>,
  ): Promise<Result> {
    const { dataset, corrections } = this.#data;
    return withActivations(this.#context, dataset, (activations) => {
      if (corrections === undefined) return work(activations, () => activations);
      return withActivations(this.#context, corrections.dataset, (own) =>
        work(activations, (patch) => (corrections.holds(patch) ? own : activations)),
      );
    });
  }
}

function summaryOf({ progress }: EpochLoopResult): StageSummary {
  return {
    epochs: progress.epochsDone,
    bestEpoch: progress.bestEpoch + 1,
    bestValidationLoss: progress.bestCriterion,
  };
}
