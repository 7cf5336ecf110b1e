import { RandomStream } from "../common/index.js";
import { classifierStage as stage } from "../contract/index.js";
import { type PatchRecord, windowsOf } from "../dataset/index.js";
import { floatsOf, floatTensor, GraphSession, type HostTensors, placeOnDevice } from "../graph/index.js";
import {
  type ChannelNoise,
  type ChannelStatistics,
  ChannelSums,
  denseTensors,
  disturbed,
  drawChannelNoise,
} from "../method/index.js";
import {
  type CellGrid,
  type DenseClassifierOptions,
  denseClassifierTrainingGraph,
  denseFeaturesInput,
  standardisationInputs,
  standardisationShape,
  type WindowSlots,
  windowFeeds,
  windowInputs,
  windowSlots,
} from "../models/index.js";
import { adamW, cosineSchedule, TrainingStep } from "../nn/index.js";
import { denseOptions, featureDeviation, hasManySlides, shownPatch } from "../run/index.js";
import type { ClassifierStageOptions } from "./classifier-stage.js";
import {
  batchesAhead,
  type EpochLoopResult,
  type EpochValues,
  requireFinite,
  runEpochs,
  type Validated,
  type Weights,
} from "./epoch-loop.js";
import { PatchFeatures } from "./patch-features.js";
import {
  likeliestOffset,
  type PooledWindow,
  whyUncalibrated,
  windowAccuracy,
  windowLoss,
} from "./pooled-windows.js";
import { startingHead } from "./starting-head.js";

/** What the stage works with, gathered once. */
interface DenseTraining extends ClassifierStageOptions {
  readonly options: DenseClassifierOptions;
  readonly features: PatchFeatures;
  readonly grid: CellGrid;
  readonly slots: WindowSlots;
  readonly statistics: ChannelStatistics;
}

/**
 * Trains the head of a dense classifier on the labels of windows, with the backbone frozen and its features computed
 * once. The result holds everything that makes the map: head, standardisation and calibration.
 */
export async function trainDenseClassifier(stageOptions: ClassifierStageOptions): Promise<EpochLoopResult> {
  const { config, patchSize, train, validation } = stageOptions;
  const side = config.classifier.inputSize ?? patchSize;
  const options = denseOptions(config, hasManySlides(train));
  const features = await PatchFeatures.open(
    stageOptions,
    shownPatch(stageOptions, patchSize),
    options.context,
  );
  try {
    const { width, height } = features.shape;
    const grid = { width, height, stride: (features.shape.stride * patchSize) / side };
    const labelled = [...train, ...validation].map((patch) => windowsOf(patch, patchSize));
    const slots = windowSlots(labelled, grid);
    if (slots.windows === 1) tellCoarse(stageOptions);
    const statistics = await statisticsOf(train, features, stageOptions);
    const training = { ...stageOptions, options, features, grid, slots, statistics };
    const result = await trainHead(training);
    const calibrated = await calibration(training, result.weights);
    return {
      ...result,
      weights: new Map([...result.weights, ...calibrated, ...statisticsTensors(statistics)]),
    };
  } finally {
    await features.close();
  }
}

/** Patches whose labels are of the whole teach little of where tumour is. */
function tellCoarse({ patchSize, reporter }: ClassifierStageOptions): void {
  reporter.warn(
    `${stage}: labels are of whole patches of ${patchSize} pixels, so that the map is coarse. ` +
      "Labels of smaller windows, see `windows.size` of the preparation, teach where tumour is.",
  );
}

/** Statistics of the patches to learn from; features of those to validate with are computed on the way. */
async function statisticsOf(
  patches: readonly PatchRecord[],
  features: PatchFeatures,
  { reporter, signal, validation }: ClassifierStageOptions,
): Promise<ChannelStatistics> {
  const sums = new ChannelSums(features.shape.channels);
  const all = [...patches, ...validation];
  for (let first = 0; first < all.length; first += features.atOnce) {
    signal?.throwIfAborted();
    const batch = all.slice(first, first + features.atOnce);
    const found = await features.get(batch);
    for (const own of found.slice(0, Math.max(0, patches.length - first))) sums.add(own);
    reporter.progress({ task: `${stage}: features`, done: first + batch.length, total: all.length });
  }
  return sums.statistics();
}

function statisticsTensors({ mean, scale }: ChannelStatistics): Weights {
  return new Map([
    [denseTensors.mean, floatTensor([mean.length], mean)],
    [denseTensors.scale, floatTensor([scale.length], scale)],
  ]);
}

async function trainHead(training: DenseTraining): Promise<EpochLoopResult> {
  const { config, train, run, reporter, signal, device } = training;
  const settings = config.classifier;
  const batchSize = Math.min(settings.batchSize, train.length);
  const graph = graphFor(training, batchSize);
  const batches = Math.max(1, Math.floor(train.length / batchSize));
  const schedule = cosineSchedule(settings.learningRate, settings.epochs * batches);
  const validator = await WindowValidator.create(training);

  const trainEpoch = async (step: TrainingStep, epoch: number): Promise<EpochValues> => {
    const order = new RandomStream(config.seed, "epoch order", epoch).shuffled(train);
    let total = 0;
    const made = batchesAhead(batches, async (position) => {
      const batch = order.slice(position * batchSize, (position + 1) * batchSize);
      const noise = noiseOf(training, batch.length, epoch, position);
      return feedsOf(training, batch, noise);
    });
    for await (const [position, feeds] of made) {
      signal?.throwIfAborted();
      const { loss } = await step.run(feeds, schedule(epoch * batches + position));
      requireFinite(stage, epoch, loss);
      total += loss;
      reporter.progress({
        task: `${stage}: epoch ${epoch + 1}/${settings.epochs}`,
        done: position + 1,
        total: batches,
        detail: `loss ${(total / (position + 1)).toFixed(4)}`,
      });
    }
    return { loss: total / batches };
  };

  try {
    return await runEpochs({
      stage,
      run,
      epochs: settings.epochs,
      patience: settings.patience,
      reporter,
      signal,
      initialWeights: () => startingHead(config, train),
      createStep: (initial, stepsTaken) =>
        TrainingStep.create({
          loss: graph.loss,
          parameters: graph.parameters.all(),
          optimizer: adamW({ weightDecay: settings.weightDecay }),
          initial,
          stepsTaken,
          device,
        }),
      trainEpoch,
      // The rate falls to zero with the last epoch, whose map is the best one though losses of windows jump before it.
      keepsLast: true,
      validate: (weights) => validator.validate(weights),
    });
  } finally {
    await validator.close();
  }
}

function graphFor({ options, grid, slots }: DenseTraining, batchSize: number) {
  return denseClassifierTrainingGraph(options, { batchSize, width: grid.width, height: grid.height }, slots);
}

/** What the channels of each patch of a batch are disturbed by, see `classifier.dense.featureNoise`. */
function noiseOf(
  { config, options, train }: DenseTraining,
  patches: number,
  epoch: number,
  position: number,
): readonly ChannelNoise[] {
  const deviation = featureDeviation(config.classifier.dense.featureNoise, train);
  if (deviation === 0) return [];
  const stream = new RandomStream(config.seed, "feature noise", epoch, position);
  return Array.from({ length: patches }, () => drawChannelNoise(options.channels, deviation, stream));
}

/** Features, standardisation and windows of a batch. */
async function feedsOf(
  { features, statistics, grid, slots, options, patchSize }: DenseTraining,
  batch: readonly PatchRecord[],
  noise: readonly ChannelNoise[] = [],
): Promise<HostTensors> {
  const { channels } = options;
  const cells = channels * grid.width * grid.height;
  const joined = new Float32Array(batch.length * cells);
  for (const [index, own] of (await features.get(batch)).entries()) joined.set(own, index * cells);
  const means = new Float32Array(batch.length * channels);
  const scales = new Float32Array(batch.length * channels);
  for (let index = 0; index < batch.length; index++) {
    const drawn = noise[index];
    const { mean, scale } = drawn === undefined ? statistics : disturbed(statistics, drawn);
    means.set(mean, index * channels);
    scales.set(scale, index * channels);
  }
  const shape = standardisationShape(batch.length, channels);
  const windows = batch.map((patch) => windowsOf(patch, patchSize));
  return {
    [denseFeaturesInput]: floatTensor([batch.length, channels, grid.height, grid.width], joined),
    [standardisationInputs.mean]: floatTensor(shape, means),
    [standardisationInputs.scale]: floatTensor(shape, scales),
    ...windowFeeds(windows, grid, slots, options.pooling),
  };
}

/** Judges the windows of validation patches, compiled once for all epochs. */
class WindowValidator {
  readonly #training: DenseTraining;
  readonly #session: GraphSession;

  private constructor(training: DenseTraining, session: GraphSession) {
    this.#training = training;
    this.#session = session;
  }

  static async create(training: DenseTraining): Promise<WindowValidator> {
    const graph = graphFor(training, 1);
    return new WindowValidator(
      training,
      await GraphSession.create({ logits: graph.logits }, training.device),
    );
  }

  /** Every window of the validation patches. */
  async judge(weights: Weights): Promise<PooledWindow[]> {
    const { validation, patchSize, signal, device } = this.#training;
    const judged: PooledWindow[] = [];
    const placed = await placeOnDevice(Object.fromEntries(weights), device);
    try {
      for (const patch of validation) {
        signal?.throwIfAborted();
        const {
          [windowInputs.labels]: _,
          [windowInputs.weights]: __,
          ...feeds
        } = await feedsOf(this.#training, [patch]);
        const logits = floatsOf(await this.#session.run({ ...feeds, ...placed.feeds }), "logits");
        windowsOf(patch, patchSize).forEach(({ tumour, other }, index) => {
          judged.push({ tumour, other, logits: [logits[2 * index] ?? 0, logits[2 * index + 1] ?? 0] });
        });
      }
    } finally {
      await placed.release();
    }
    return judged;
  }

  async validate(weights: Weights): Promise<Validated> {
    const judged = await this.judge(weights);
    const values = { loss: windowLoss(judged, 0), balancedAccuracy: windowAccuracy(judged, 0) };
    return { criterion: values.loss, values };
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** The offset under which the validation windows' labels are likeliest, and how many cells speak for a patch. */
async function calibration(training: DenseTraining, weights: Weights): Promise<Weights> {
  const why = whyUncalibrated(training.validation);
  const offset = why === null ? await chosenOffset(training, weights) : 0;
  const { pooling } = training.options;
  const share = pooling.kind === "highest-share" ? pooling.share : 1;
  const cells = Math.max(1, Math.round(training.slots.cells * share));
  training.reporter.note(`${stage}: ${why ?? `the map's offset is ${offset} by the validation windows`}`);
  return new Map([
    [denseTensors.offset, floatTensor([1], Float32Array.of(offset))],
    [denseTensors.presenceCells, floatTensor([1], Float32Array.of(cells))],
  ]);
}

async function chosenOffset(training: DenseTraining, weights: Weights): Promise<number> {
  const validator = await WindowValidator.create(training);
  return likeliestOffset(await validator.judge(weights).finally(() => validator.close()));
}
