import { RandomStream } from "../common/index.js";
import { type PatchRecord, windowsOf } from "../dataset/index.js";
import { floatTensor, type HostTensors, type Value } from "../graph/index.js";
import { type ChannelNoise, type ChannelStatistics, disturbed, drawChannelNoise } from "../method/index.js";
import {
  type CellGrid,
  type DenseClassifierOptions,
  denseClassifierTrainingGraph,
  standardisationInputs,
  standardisationShape,
  type WindowSlots,
  windowFeeds,
} from "../models/index.js";
import { featureDeviation } from "../run/index.js";
import type { ClassifierStageOptions } from "./classifier-stage.js";
import type { BatchPlace, DenseSource } from "./dense-source.js";

/** What the stage of a dense classifier works with, gathered once. */
export interface DenseTraining extends ClassifierStageOptions {
  readonly options: DenseClassifierOptions;
  /** Of the features that are learnt from, and of those that validation judges. */
  readonly learning: DenseSource;
  readonly judging: DenseSource;
  readonly grid: CellGrid;
  readonly slots: WindowSlots;
  readonly statistics: ChannelStatistics;
}

/** What a batch says of its windows, and everything that is trained by it. */
export interface DenseGraph {
  readonly loss: Value;
  readonly logits: Value;
  readonly parameters: ReadonlyMap<string, Value>;
}

/** @param source of the batch's features */
export function graphOf(
  { options, grid: { width, height }, slots }: DenseTraining,
  source: DenseSource,
  batchSize: number,
  mode: "training" | "evaluation",
): DenseGraph {
  const { features, trained } = source.graph(batchSize, mode);
  const size = { batchSize, width, height };
  const { loss, logits, parameters } = denseClassifierTrainingGraph(options, size, slots, features);
  return { loss, logits, parameters: new Map([...parameters.all(), ...trained]) };
}

/** Features, standardisation and windows of a batch; for evaluation, unless its place in the training is told. */
export async function feedsOf(
  training: DenseTraining,
  source: DenseSource,
  batch: readonly PatchRecord[],
  place?: BatchPlace,
): Promise<HostTensors> {
  const { statistics, grid, slots, options, patchSize } = training;
  const { channels } = options;
  const noise = place === undefined ? [] : noiseOf(training, batch.length, place);
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
    ...(await source.feeds(batch, place)),
    [standardisationInputs.mean]: floatTensor(shape, means),
    [standardisationInputs.scale]: floatTensor(shape, scales),
    ...windowFeeds(windows, grid, slots, options.pooling),
  };
}

/** What the channels of each patch of a batch are disturbed by, see `classifier.dense.featureNoise`. */
function noiseOf(
  { config, options, train }: DenseTraining,
  patches: number,
  { epoch, position }: BatchPlace,
): readonly ChannelNoise[] {
  const deviation = featureDeviation(config.classifier.dense.featureNoise, train);
  if (deviation === 0) return [];
  const stream = new RandomStream(config.seed, "feature noise", epoch, position);
  return Array.from({ length: patches }, () => drawChannelNoise(options.channels, deviation, stream));
}
