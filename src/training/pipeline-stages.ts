import { RandomStream } from "../common/index.js";
import { type Dataset, hasPixelMasks, loadPatchMask, type PatchRecord } from "../dataset/index.js";
import { readMask, writeMaskPng } from "../imaging/index.js";
import {
  createSamFrame,
  readSafetensors,
  type SamFrame,
  type StateDict,
  stateDictOf,
  writeSafetensors,
} from "../models/index.js";
import type { RunContext } from "../run/index.js";
import { classifierFile, decoderFile, type NamedDecoder, readDecoder } from "../run/index.js";
import { trainClassifier } from "./classifier-stage.js";
import type { CorrectedMasks } from "./corrected-masks.js";
import { type MaskedPatch, type PromptedPatch, trainDecoder } from "./decoder-stage.js";
import type { EpochLoopResult } from "./epoch-loop.js";
import { openEmbeddings, withPredictor } from "./open-predictor.js";
import type { PatchPredictor } from "./patch-predictor.js";
import { predictPseudoLabels } from "./pseudo-labels.js";
import type { StageSummary } from "./stage-clock.js";

/** The data of a run. */
export interface PipelineData {
  readonly dataset: Dataset;
  /** Patches that the classifier learns from when they differ from those that are segmented. */
  readonly classifierDataset: Dataset;
  /** Masks that an expert has corrected, learnt from in the last round beside the pseudo-labels. */
  readonly corrections?: CorrectedMasks | undefined;
}

/** The training stages of one run with what they share. Each returns the figures worth a line in `run.json`. */
export class PipelineStages {
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

  /** Trains the patch classifier. */
  async classifier(): Promise<StageSummary> {
    const { classifierDataset } = this.#data;
    const result = await trainClassifier({
      ...this.#context,
      train: classifierDataset.patches.filter(({ split }) => split === "train"),
      validation: classifierDataset.patches.filter(({ split }) => split === "val"),
      patchSize: classifierDataset.patchSize,
    });
    await this.#save("classifier", classifierFile(this.#context.run), result.weights);
    return summaryOf(result);
  }

  /** Computes activation maps and initial masks of all positive patches of train and val. */
  async initialMasks(): Promise<StageSummary> {
    const { reporter, signal } = this.#context;
    const patches = [...this.#positives("train"), ...this.#positives("val")];
    let empty = 0;
    await this.#withPredictor([], async (predictor) => {
      for (const [index, patch] of patches.entries()) {
        signal?.throwIfAborted();
        const { initialMask } = await predictor.activation(patch);
        if (!initialMask.data.includes(1)) empty++;
        await writeMaskPng(this.#initialMaskFile(patch), initialMask);
        reporter.progress({ task: "initial masks", done: index + 1, total: patches.length });
      }
    });
    return { masks: patches.length, empty };
  }

  /** Fine-tunes the decoder on the initial masks. */
  async preliminary(): Promise<StageSummary> {
    const train: MaskedPatch[] = [];
    for (const patch of this.#decoderPatches()) {
      const file = this.#initialMaskFile(patch);
      const { data } = await readMask(file);
      if (data.includes(1)) train.push({ patch, readMask: () => readMask(file) });
    }
    return this.#trainDecoder("preliminary", train);
  }

  /**
   * Predicts pseudo-labels with the decoder of the stage before and trains the original decoder on those that
   * agree with the activation maps. When none does there is nothing to learn from: the decoder before is kept.
   * The last round of a run with corrections learns from those too, whatever the classifier says of them, and not
   * from pseudo-labels of places that were corrected.
   */
  async round(round: number): Promise<StageSummary> {
    const stage = `round-${round}`;
    const previous = round === 1 ? "preliminary" : `round-${round - 1}`;
    const { run } = this.#context;
    const isLast = round === this.#context.config.rounds;
    const corrections = isLast ? this.#data.corrections : undefined;
    const candidates = this.#decoderPatches().filter((patch) => corrections?.cover(patch) !== true);
    const decoder = await readDecoder(this.#context, previous, this.#samWeights);
    const selected = await this.#withPredictor([decoder], (predictor) =>
      predictPseudoLabels(this.#context, round, candidates, predictor),
    );
    const corrected = corrections?.patches ?? [];
    const counts = {
      pseudoLabels: selected.length,
      candidates: candidates.length,
      ...(corrections === undefined ? {} : { correctedMasks: corrected.length }),
    };
    const train = [...corrected, ...selected];
    if (train.length > 0) return { ...(await this.#trainDecoder(stage, train)), ...counts };
    const { idsThreshold } = this.#context.config.selection;
    this.#context.reporter.warn(
      `${stage}: no predicted mask reached the IDS score ${idsThreshold}, so the decoder of ${previous} is kept. ` +
        "Lower selection.idsThreshold or set selection.minimumShare to train this round.",
    );
    const file = decoderFile(run, previous);
    const { tensors } = await readSafetensors(file);
    await this.#save(stage, decoderFile(run, stage), stateDictOf(tensors, { file }));
    return { ...counts, keptDecoder: previous };
  }

  async #trainDecoder(stage: string, train: readonly MaskedPatch[]): Promise<StageSummary> {
    const { criterion, patches } = await this.#validationPatches();
    const embeddings = await openEmbeddings(this.#context, this.#frame);
    try {
      const result = await this.#withPredictors((predictorOf) =>
        trainDecoder({
          ...this.#context,
          stage,
          train,
          validation: patches,
          samWeights: this.#samWeights,
          frame: this.#frame,
          embeddings,
          activationLogits: async (patch) => (await predictorOf(patch).activation(patch)).logits,
        }),
      );
      await this.#save(stage, decoderFile(this.#context.run, stage), result.weights);
      return { ...summaryOf(result), trainingPatches: train.length, validation: criterion };
    } finally {
      await embeddings.close();
    }
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

  #initialMaskFile({ id }: PatchRecord): string {
    return this.#context.run.path("masks", "initial", `${id}.png`);
  }

  #positives(split: "train" | "val"): PatchRecord[] {
    return this.#data.dataset.patches.filter((patch) => patch.split === split && patch.label === 1);
  }

  /** The positive training patches that the decoder learns from, drawn by seed when there are too many. */
  #decoderPatches(): PatchRecord[] {
    return this.#drawn("decoder patches", this.#positives("train"));
  }

  /** At most `decoder.maximumPatches` patches, in their order. */
  #drawn(name: string, patches: readonly PatchRecord[]): PatchRecord[] {
    const { seed, decoder } = this.#context.config;
    const limit = decoder.maximumPatches ?? patches.length;
    const chosen = new Set(new RandomStream(seed, name).shuffled(patches).slice(0, limit));
    return patches.filter((patch) => chosen.has(patch));
  }

  /**
   * Validation patches with prompts from their activation maps. Where the split has pixel masks (and the
   * configuration allows) they are the target, as in the paper; otherwise the initial masks are.
   */
  async #validationPatches(): Promise<{ criterion: string; patches: PromptedPatch[] }> {
    const { dataset } = this.#data;
    const wanted = this.#context.config.decoder.validation;
    const byMask = wanted === "pixel-masks" || (wanted === "auto" && hasPixelMasks(dataset, "val"));
    const target = (patch: PatchRecord) =>
      byMask ? loadPatchMask(patch, dataset.patchSize) : readMask(this.#initialMaskFile(patch));
    const patches: PromptedPatch[] = [];
    await this.#withPredictor([], async (predictor) => {
      for (const patch of this.#drawn("validation patches", this.#positives("val"))) {
        const prompt = predictor.prompt(patch, await predictor.activation(patch));
        if (prompt !== undefined) patches.push({ patch, prompt, readMask: () => target(patch) });
      }
    });
    return { criterion: byMask ? "loss against pixel masks" : "loss against initial masks", patches };
  }

  /** Patch ids are unique only within a dataset, so that corrected patches have a predictor of their own. */
  #withPredictors<Result>(
    work: (predictorOf: (patch: PatchRecord) => PatchPredictor) => Promise<Result>,
  ): Promise<Result> {
    const { corrections } = this.#data;
    return this.#withPredictor([], (predictor) => {
      if (corrections === undefined) return work(() => predictor);
      const parts = { dataset: corrections.dataset, frame: this.#frame, decoders: [] };
      return withPredictor(this.#context, parts, (own) =>
        work((patch) => (corrections.holds(patch) ? own : predictor)),
      );
    });
  }

  #withPredictor<Result>(
    decoders: readonly NamedDecoder[],
    work: (predictor: PatchPredictor) => Promise<Result>,
  ): Promise<Result> {
    const { dataset } = this.#data;
    return withPredictor(this.#context, { dataset, frame: this.#frame, decoders }, work);
  }
}

function summaryOf({ progress }: EpochLoopResult): StageSummary {
  return {
    epochs: progress.epochsDone,
    bestEpoch: progress.bestEpoch + 1,
    bestValidationLoss: progress.bestCriterion,
  };
}
