import { RandomStream } from "../common/index.js";
import { classifierStage as stage } from "../contract/index.js";
import { type PatchRecord, windowsOf } from "../dataset/index.js";
import { floatTensor } from "../graph/index.js";
import { type ChannelStatistics, ChannelSums, denseTensors } from "../method/index.js";
import { asOwnBackbone, backbonePrefix, type StateDict, windowSlots } from "../models/index.js";
import { adamW, cosineSchedule, TrainingStep } from "../nn/index.js";
import {
  denseOptions,
  hasManySlides,
  learnsFromPixels,
  shownPatch,
  trainsItsBackbone,
} from "../run/index.js";
import type { ClassifierStageOptions } from "./classifier-stage.js";
import { cachedSource, pixelSource } from "./dense-source.js";
import { type DenseTraining, feedsOf, graphOf } from "./dense-training.js";
import { calibration, WindowValidator } from "./dense-validator.js";
import {
  batchesAhead,
  type EpochLoopResult,
  type EpochValues,
  requireFinite,
  runEpochs,
  type Weights,
} from "./epoch-loop.js";
import { PatchFeatures } from "./patch-features.js";
import { startingBackbone, startingHead } from "./starting-head.js";

/**
 * Trains a dense classifier on the labels of windows: its head on features of frozen networks that are computed once, or,
 * where backbone, stains or attention vary, on features that every step computes anew. The result holds everything that
 * makes the map: head, standardisation and calibration, and the backbone where that was trained.
 */
export async function trainDenseClassifier(stageOptions: ClassifierStageOptions): Promise<EpochLoopResult> {
  const { config, patchSize, train, validation, run } = stageOptions;
  const side = config.classifier.inputSize ?? patchSize;
  const options = denseOptions(config, hasManySlides(train));
  const start = learnsFromPixels(config.classifier.dense) ? await startingBackbone(config, run) : undefined;
  const features = await PatchFeatures.open(
    stageOptions,
    shownPatch(stageOptions, patchSize),
    options.context,
    start?.own,
  );
  try {
    const { width, height } = features.shape;
    const grid = { width, height, stride: (features.shape.stride * patchSize) / side };
    const labelled = [...train, ...validation].map((patch) => windowsOf(patch, patchSize));
    const slots = windowSlots(labelled, grid);
    if (slots.windows === 1) tellCoarse(stageOptions);
    const isTrained = trainsItsBackbone(config);
    const statistics = await statisticsOf(features, stageOptions, isTrained ? [] : validation);
    const base = asOwnBackbone(start?.weights ?? new Map());
    const cached = cachedSource(features, options.channels, grid);
    const fresh = pixelSource({ config, base, side, context: options.context });
    const training = {
      ...{ ...stageOptions, options, grid, slots, statistics },
      learning: start === undefined ? cached : fresh,
      judging: isTrained ? fresh : cached,
    };
    const result = await trainWeights(training, base);
    const calibrated = await calibration(training, result.weights);
    return {
      ...result,
      weights: new Map([
        ...(isTrained ? base : []),
        ...result.weights,
        ...calibrated,
        ...statisticsTensors(statistics),
      ]),
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

/**
 * Statistics of the patches to learn from, of features before any training.
 * @param others whose features are needed later and computed on the way
 */
async function statisticsOf(
  features: PatchFeatures,
  { train: patches, reporter, signal }: ClassifierStageOptions,
  others: readonly PatchRecord[],
): Promise<ChannelStatistics> {
  const sums = new ChannelSums(features.shape.channels);
  const all = [...patches, ...others];
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

/** @param base what a trained backbone starts from */
async function trainWeights(training: DenseTraining, base: StateDict): Promise<EpochLoopResult> {
  const { config, train, run, reporter, signal, device, learning } = training;
  const settings = config.classifier;
  const batchSize = Math.min(settings.batchSize, train.length);
  const graph = graphOf(training, learning, batchSize, "training");
  const batches = Math.max(1, Math.floor(train.length / batchSize));
  const schedule = cosineSchedule(settings.learningRate, settings.epochs * batches);
  const validator = await WindowValidator.create(training);

  const trainEpoch = async (step: TrainingStep, epoch: number): Promise<EpochValues> => {
    const order = new RandomStream(config.seed, "epoch order", epoch).shuffled(train);
    let total = 0;
    const made = batchesAhead(batches, async (position) => {
      const batch = order.slice(position * batchSize, (position + 1) * batchSize);
      return feedsOf(training, learning, batch, { epoch, position });
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
      initialWeights: async () => {
        const own = [...base].filter(([name]) => graph.parameters.has(name));
        return new Map([...(await startingHead(config, train)), ...own]);
      },
      createStep: (initial, stepsTaken) =>
        TrainingStep.create({
          loss: graph.loss,
          parameters: graph.parameters,
          optimizer: adamW({ weightDecay: settings.weightDecay }),
          rateFactor: (name) => (name.startsWith(backbonePrefix) ? settings.dense.pretrainedRate : 1),
          segments: settings.checkpointing === "segments",
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
