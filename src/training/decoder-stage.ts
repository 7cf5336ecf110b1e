import { EpSamError, RandomStream, type Reporter } from "../common/index.js";
import { type PatchRecord, SPLITS } from "../dataset/index.js";
import {
  add,
  type Device,
  type DeviceTensor,
  floatsOf,
  floatTensor,
  GraphSession,
  type HostTensor,
  type HostTensors,
  placeOnDevice,
} from "../graph/index.js";
import type { FloatMap } from "../imaging/index.js";
import { promptSlots } from "../method/index.js";
import {
  type DecoderGraph,
  decoderGraph,
  decoderInputs,
  promptFeeds,
  type SamFrame,
  type StateDict,
} from "../models/index.js";
import {
  adamW,
  constantSchedule,
  cosineSchedule,
  TrainingStep,
  type TrainingStepOptions,
} from "../nn/index.js";
import {
  checkPrecision,
  planStepMemory,
  type RunDirectory,
  type StepMemoryPlan,
  type TrainingConfig,
} from "../run/index.js";
import { type MaskedPatch, type PromptedPatch, type Sample, trainingSamples } from "./decoder-samples.js";
import { type BatchFeeds, EmbeddingFeeds, hostFeeds } from "./embedding-feeds.js";
import {
  batchesAhead,
  type EpochLoopResult,
  type EpochValues,
  requireFinite,
  runEpochs,
  type Validated,
  type Weights,
} from "./epoch-loop.js";
import type { PatchEmbeddings } from "./patch-embeddings.js";

/** What a decoder is trained with. */
export interface DecoderStageOptions {
  readonly stage: string;
  readonly config: TrainingConfig;
  readonly train: readonly MaskedPatch[];
  readonly validation: readonly PromptedPatch[];
  /** The original SAM: frozen prompt encoder, and the decoder that every stage starts from. */
  readonly samWeights: StateDict;
  readonly frame: SamFrame;
  readonly embeddings: PatchEmbeddings;
  /** The activation map of a training patch as logits, for SAM's mask prompt. */
  readonly activationLogits: (patch: PatchRecord) => Promise<FloatMap>;
  readonly run: RunDirectory;
  readonly device: Device;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fine-tunes SAM's mask decoder on masks (paper section 2, preliminary fine-tuning and re-training) and returns
 * the weights of the best epoch.
 * @throws EpSamError `numerical` when no patch has a usable mask or the loss is not finite.
 */
export async function trainDecoder(options: DecoderStageOptions): Promise<EpochLoopResult> {
  const { config, train, samWeights, frame, reporter } = options;
  const settings = config.decoder;
  requirePatches(options);
  const batchSize = Math.min(settings.batchSize, train.length);
  const memory = planStepMemory(settings, batchSize, Object.values(decoderInputs));
  await checkPrecision(settings, options.device, reporter);
  const graph = decoderGraph(samWeights, frame, { batchSize: memory.images, ...promptSlots(config.sam) });
  const stepOptions = stepOptionsOf(graph, options, memory);
  if (memory.microBatches === undefined) {
    const feeds = await EmbeddingFeeds.create(options.embeddings, options.device, { batchSize });
    const whole = { ...stepOptions, microBatches: undefined };
    return trainWith(options, batchSize, feeds, (from) => TrainingStep.create({ ...whole, ...from }));
  }
  const feeds = hostFeeds(options.embeddings);
  return trainWith(options, batchSize, feeds, (from) => TrainingStep.create({ ...stepOptions, ...from }));
}

/** Where a step begins. */
type StepStart = Pick<TrainingStepOptions, "initial"> & { readonly stepsTaken: number };

/** Trains with a step whose tensors are of the kind that the embeddings are fed as. */
async function trainWith<Fed extends HostTensor | DeviceTensor>(
  options: DecoderStageOptions,
  batchSize: number,
  embeddings: BatchFeeds<Fed>,
  createStep: (from: StepStart) => Promise<TrainingStep<Fed>>,
): Promise<EpochLoopResult> {
  const { stage, config, train, samWeights, run, reporter, signal } = options;
  const settings = config.decoder;
  const batches = Math.floor(train.length / batchSize);
  const schedule =
    settings.schedule === "cosine"
      ? cosineSchedule(settings.learningRate, settings.epochs)
      : constantSchedule(settings.learningRate);
  const validator = await DecoderValidator.create(options);

  const trainEpoch = async (step: TrainingStep<Fed>, epoch: number): Promise<EpochValues> => {
    const order = new RandomStream(config.seed, stage, "order", epoch).shuffled(
      train.map((_, index) => index),
    );
    const totals = { dice: 0, iou: 0 };
    let counted = 0;
    const made = batchesAhead(batches, (position) => {
      const indices = order.slice(position * batchSize, (position + 1) * batchSize);
      return trainingSamples(options, indices, epoch);
    });
    for await (const [position, samples] of made) {
      signal?.throwIfAborted();
      const { loss, outputs, skipped } = await embeddings.with(samples, (embedding) =>
        step.run({ ...feedsOf(options, samples), [decoderInputs.embedding]: embedding }, schedule(epoch)),
      );
      if (!skipped) requireFinite(stage, epoch, loss);
      if (Number.isFinite(loss)) {
        totals.dice += floatsOf(outputs, "dice")[0] ?? 0;
        totals.iou += floatsOf(outputs, "iou")[0] ?? 0;
        counted++;
      }
      reporter.progress({
        task: `${stage}: epoch ${epoch + 1}/${settings.epochs}`,
        done: position + 1,
        total: batches,
        detail: `loss ${((totals.dice + totals.iou) / counted).toFixed(4)}`,
      });
    }
    return averaged(totals, counted);
  };

  try {
    return await runEpochs({
      stage,
      run,
      epochs: settings.epochs,
      patience: settings.patience,
      reporter,
      signal,
      initialWeights: async () => decoderWeights(samWeights),
      createStep: (initial, stepsTaken) => createStep({ initial, stepsTaken }),
      trainEpoch,
      validate: (weights) => validator.validate(weights),
    });
  } finally {
    await validator.close();
    await embeddings.close();
  }
}

/** The part of SAM's weights that is fine-tuned. */
function decoderWeights(samWeights: StateDict): Weights {
  return new Map([...samWeights].filter(([name]) => name.startsWith("mask_decoder.")));
}

/** @throws EpSamError `numerical` when there is nothing to learn from or to choose by */
export function requirePatches({
  stage,
  train,
  validation,
}: Pick<DecoderStageOptions, "stage" | "train" | "validation">): void {
  const missing = train.length === 0 ? SPLITS[0] : validation.length === 0 ? SPLITS[1] : undefined;
  if (missing === undefined) return;
  throw new EpSamError("numerical", {
    what: `no positive ${missing} patch has a usable mask`,
    where: stage,
    why: "their class activation maps, or the initial masks made of them, are empty",
    action:
      "Train the classifier longer, or keep more of the maps (cam.threshold or cam.percentile, cam.openingSize).",
  });
}

function stepOptionsOf(
  graph: DecoderGraph,
  { config, device }: DecoderStageOptions,
  memory: StepMemoryPlan,
): Omit<TrainingStepOptions, keyof StepStart> {
  const { dice, iou } = graph.losses;
  return {
    loss: add(dice, iou),
    parameters: graph.parameters.all(),
    optimizer: adamW({ weightDecay: config.decoder.weightDecay }),
    outputs: { dice, iou },
    device,
    ...memory.options,
  };
}

/** What the decoder is fed with besides the embeddings. */
function feedsOf({ config, frame }: DecoderStageOptions, samples: readonly Sample[]): HostTensors {
  const { height, width } = frame.patch;
  const prompts = samples.map(({ prompt }) => prompt);
  const target = new Float32Array(samples.length * height * width);
  samples.forEach(({ mask }, index) => {
    target.set(mask.data, index * height * width);
  });
  return {
    ...promptFeeds(prompts, frame, promptSlots(config.sam)),
    [decoderInputs.target]: floatTensor([samples.length, height, width], target),
  };
}

function averaged({ dice, iou }: { dice: number; iou: number }, count: number): EpochValues {
  return { loss: (dice + iou) / count, dice: 1 - dice / count, iou: 1 - iou / count };
}

/** Validation of the decoder with activation-map prompts, patch by patch, compiled once for all epochs. */
class DecoderValidator {
  readonly #session: GraphSession;
  readonly #embeddings: EmbeddingFeeds;
  readonly #options: DecoderStageOptions;

  private constructor(session: GraphSession, embeddings: EmbeddingFeeds, options: DecoderStageOptions) {
    this.#session = session;
    this.#embeddings = embeddings;
    this.#options = options;
  }

  static async create(options: DecoderStageOptions): Promise<DecoderValidator> {
    const { samWeights, frame, config } = options;
    const graph = decoderGraph(samWeights, frame, { batchSize: 1, ...promptSlots(config.sam) });
    const { dice, iou } = graph.losses;
    const session = await GraphSession.create({ dice, iou }, options.device);
    const feeds = await EmbeddingFeeds.create(options.embeddings, options.device, { batchSize: 1 });
    return new DecoderValidator(session, feeds, options);
  }

  async validate(weights: Weights): Promise<Validated> {
    const totals = { dice: 0, iou: 0 };
    const { validation, signal, device } = this.#options;
    const placed = await placeOnDevice(Object.fromEntries(weights), device);
    try {
      for (const item of validation) {
        signal?.throwIfAborted();
        const samples = [{ ...item, variant: 0, mask: await item.readMask() }];
        const feeds = { ...placed.feeds, ...feedsOf(this.#options, samples) };
        const results = await this.#embeddings.with(samples, (embedding) =>
          this.#session.run({ ...feeds, [decoderInputs.embedding]: embedding }),
        );
        totals.dice += floatsOf(results, "dice")[0] ?? 0;
        totals.iou += floatsOf(results, "iou")[0] ?? 0;
      }
    } finally {
      await placed.release();
    }
    const values = averaged(totals, validation.length);
    return { criterion: values.loss ?? Number.NaN, values };
  }

  async close(): Promise<void> {
    await this.#embeddings.close();
    await this.#session.close();
  }
}
