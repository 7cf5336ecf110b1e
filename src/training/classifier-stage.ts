import { RandomStream, type Reporter, silentReporter } from "../common/index.js";
import { classifierStage as stage } from "../contract/index.js";
import {
  BatchLoader,
  type LoadablePatch,
  loadPatchImage,
  type PatchBatch,
  type PatchRecord,
} from "../dataset/index.js";
import {
  type Device,
  floatsOf,
  floatTensor,
  GraphSession,
  type HostTensors,
  placeOnDevice,
} from "../graph/index.js";
import { resizedTo } from "../method/index.js";
import {
  classifierGraph,
  classifierInputs,
  dropDrawFeeds,
  initialClassifierTensor,
  initialClassifierWeights,
  loadInitialClassifier,
} from "../models/index.js";
import { adam, stepSchedule, TrainingStep } from "../nn/index.js";
import {
  checkPrecision,
  classifierOptions,
  planStepMemory,
  type RunDirectory,
  type TrainingConfig,
} from "../run/index.js";
import {
  type EpochLoopResult,
  type EpochValues,
  requireFinite,
  runEpochs,
  type Validated,
  type Weights,
} from "./epoch-loop.js";

/** What the classifier is trained with. */
export interface ClassifierStageOptions {
  readonly config: TrainingConfig;
  readonly train: readonly PatchRecord[];
  readonly validation: readonly PatchRecord[];
  /** Side of the dataset's patches in pixels. */
  readonly patchSize: number;
  readonly run: RunDirectory;
  readonly device: Device;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** Trains the patch classifier on the weak labels (paper section 2) and returns its best weights. */
export async function trainClassifier(options: ClassifierStageOptions): Promise<EpochLoopResult> {
  const { config, train, validation, patchSize, run, device, reporter, signal } = options;
  const settings = config.classifier;
  const size = settings.inputSize ?? patchSize;
  const batchSize = Math.min(settings.batchSize, train.length);
  const load = async (patch: LoadablePatch) =>
    resizedTo(await loadPatchImage(patch), { width: size, height: size });
  const trainLoader = new BatchLoader(train, {
    batchSize,
    seed: config.seed,
    order: settings.sampling,
    // Batch normalisation needs full batches of distinct images.
    lastBatch: "drop",
    augmentation: settings.augmentation,
    load,
  });
  const validationLoader = new BatchLoader(validation, {
    batchSize: validationBatchSize(options),
    seed: config.seed,
    order: "sequential",
    lastBatch: "pad",
    load,
  });
  const memory = planStepMemory(settings, batchSize, Object.values(classifierInputs));
  await checkPrecision(settings, device, reporter);
  const mode = memory.microBatches === undefined ? "training" : { microBatches: memory.microBatches.count };
  const graph = classifierGraph(classifierOptions(config), memory.images, size, mode);
  const schedule = stepSchedule(settings.learningRate, settings.decayPeriod, settings.decayFactor);
  const samples = settings.samplesPerEpoch ?? Number.POSITIVE_INFINITY;
  const batches = Math.min(trainLoader.batchesPerEpoch, Math.max(1, Math.ceil(samples / batchSize)));
  const validator = await ClassifierValidator.create(options, validationLoader, size);

  const trainEpoch = async (step: TrainingStep, epoch: number): Promise<EpochValues> => {
    const totals = { loss: 0, correct: 0, count: 0 };
    const draws = new RandomStream(config.seed, "attention dropout", epoch);
    let position = 0;
    for await (const batch of trainLoader.epoch(epoch)) {
      signal?.throwIfAborted();
      const { loss, outputs, skipped } = await step.run(
        { ...imageFeeds(batch), ...dropDrawFeeds(draws, settings.dropRate) },
        schedule(epoch),
      );
      if (!skipped) requireFinite(stage, epoch, loss);
      if (Number.isFinite(loss)) addBatch(totals, loss, floatsOf(outputs, "logits"), batch);
      position++;
      reporter.progress({
        task: `${stage}: epoch ${epoch + 1}/${settings.epochs}`,
        done: position,
        total: batches,
        detail: `loss ${(totals.loss / totals.count).toFixed(4)}`,
      });
      if (position === batches) break;
    }
    return { loss: totals.loss / totals.count, accuracy: totals.correct / totals.count };
  };

  try {
    return await runEpochs({
      stage,
      run,
      epochs: settings.epochs,
      patience: settings.patience,
      reporter,
      signal,
      initialWeights: () => startingWeights(config),
      createStep: (initial, stepsTaken) =>
        TrainingStep.create({
          loss: graph.loss,
          parameters: graph.parameters.all(),
          buffers: graph.model.buffers,
          optimizer: adam({ weightDecay: settings.weightDecay }),
          initial,
          stepsTaken,
          outputs: { logits: graph.model.logits },
          device,
          ...memory.options,
        }),
      trainEpoch,
      validate: (weights) => validator.validate(weights),
    });
  } finally {
    await validator.close();
  }
}

/**
 * Random weights by seed, or those of the configured file with a fresh head.
 * @throws EpSamError `weights` when the file cannot be read or belongs to another model.
 */
export async function startingWeights(
  config: TrainingConfig,
  reporter: Reporter = silentReporter,
): Promise<Weights> {
  const options = classifierOptions(config);
  const file = config.classifier.initialWeights;
  const streamOf = (name: string) => new RandomStream(config.seed, "classifier weights", name);
  if (file === null) return initialClassifierWeights(options, streamOf);
  const { weights, leftOut } = await loadInitialClassifier(file, options, (name, shape) =>
    initialClassifierTensor(name, shape, streamOf(name)),
  );
  for (const { names, why } of leftOut) reporter.note(`${file}: ${names.length} not taken: ${why}`);
  return weights;
}

function imageFeeds(batch: PatchBatch): HostTensors {
  return {
    [classifierInputs.images]: floatTensor([batch.size, 3, batch.height, batch.width], batch.images),
    [classifierInputs.labels]: floatTensor([batch.size], batch.labels),
  };
}

interface Totals {
  loss: number;
  correct: number;
  count: number;
}

function addBatch(totals: Totals, loss: number, logits: Float32Array, batch: PatchBatch): void {
  totals.loss += loss * batch.size;
  totals.count += batch.size;
  logits.forEach((logit, index) => {
    if (logit > 0 === (batch.labels[index] ?? 0) > 0.5) totals.correct++;
  });
}

function validationBatchSize({ config, validation }: ClassifierStageOptions): number {
  const { batchSize, microBatch } = config.classifier;
  return Math.min(microBatch ?? batchSize, validation.length);
}

/** Validation of the classifier, compiled once for all epochs. */
class ClassifierValidator {
  readonly #session: GraphSession;
  readonly #loader: BatchLoader;
  readonly #device: Device;
  readonly #signal: AbortSignal | undefined;

  private constructor(
    session: GraphSession,
    loader: BatchLoader,
    { device, signal }: Pick<ClassifierStageOptions, "device" | "signal">,
  ) {
    this.#session = session;
    this.#loader = loader;
    this.#device = device;
    this.#signal = signal;
  }

  static async create(options: ClassifierStageOptions, loader: BatchLoader, size: number) {
    const batchSize = validationBatchSize(options);
    const graph = classifierGraph(classifierOptions(options.config), batchSize, size, "evaluation");
    return new ClassifierValidator(
      await GraphSession.create({ logits: graph.model.logits }, options.device),
      loader,
      options,
    );
  }

  /** Class-balanced cross-entropy as criterion, so that the frequent label does not decide alone. */
  async validate(weights: Weights): Promise<Validated> {
    const perLabel = [
      { loss: 0, correct: 0, count: 0 },
      { loss: 0, correct: 0, count: 0 },
    ];
    const placed = await placeOnDevice(Object.fromEntries(weights), this.#device);
    try {
      for await (const batch of this.#loader.epoch(0)) {
        this.#signal?.throwIfAborted();
        const { [classifierInputs.labels]: _unused, ...images } = imageFeeds(batch);
        const logits = floatsOf(await this.#session.run({ ...images, ...placed.feeds }), "logits");
        logits.forEach((logit, index) => {
          if (batch.weights[index] === 0) return;
          const label = batch.labels[index] ?? 0;
          const totals = perLabel[label];
          if (totals === undefined) return;
          totals.loss += Math.max(logit, 0) - logit * label + Math.log1p(Math.exp(-Math.abs(logit)));
          totals.count++;
          if (logit > 0 === label > 0.5) totals.correct++;
        });
      }
    } finally {
      await placed.release();
    }
    const present = perLabel.filter(({ count }) => count > 0);
    const average = (pick: (totals: Totals) => number) =>
      present.reduce((sum, totals) => sum + pick(totals) / totals.count, 0) / present.length;
    const loss = average((totals) => totals.loss);
    return { criterion: loss, values: { loss, balancedAccuracy: average((totals) => totals.correct) } };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
