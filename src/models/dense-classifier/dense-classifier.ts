import type { RandomStream } from "../../common/index.js";
import { type FloatTensor, input, type Value } from "../../graph/index.js";
import { lookupWithin, ParameterSet, uniformFanIn } from "../../nn/index.js";
import { denseHead, standardised } from "./dense-head.js";
import type { WindowSlots } from "./window-cells.js";
import { type PooledWindows, poolWindows, type WindowPooling } from "./window-pooling.js";

/** Name of the input with joined features, [N, C, H, W], where they are fed; {@link standardised} in the graph. */
export const denseFeaturesInput = "features";

/** What a dense classifier is made of. */
export interface DenseClassifierOptions {
  /** Channels of the joined features with their context. */
  readonly channels: number;
  /** See `withContext`. */
  readonly context: readonly number[];
  /** Width of the layer between features and logits. */
  readonly hidden: number;
  readonly pooling: WindowPooling;
}

/** What a graph is compiled for: images of one batch and cells along each axis. */
export interface DenseClassifierSize {
  readonly batchSize: number;
  readonly width: number;
  readonly height: number;
}

export interface DenseClassifierGraph {
  /** `head.*` by state-dict name. */
  readonly parameters: ParameterSet;
  /** Logits of tumour for every cell, [N, 1, H, W]: the activation map. */
  readonly map: Value;
}

/**
 * The classifier that judges every cell of a feature map by itself.
 * @param features [N, C, H, W]; the input {@link denseFeaturesInput} unless told
 */
export function denseClassifierGraph(
  { channels, hidden }: Pick<DenseClassifierOptions, "channels" | "hidden">,
  { batchSize, width, height }: DenseClassifierSize,
  features: Value = input(denseFeaturesInput, [batchSize, channels, height, width]),
): DenseClassifierGraph {
  const parameters = new ParameterSet();
  const lookup = lookupWithin((name, shape) => parameters.get(name, shape), "head");
  return { parameters, map: denseHead(lookup, standardised(features), hidden) };
}

/**
 * The classifier with what its windows say together, to learn from weak labels.
 * @param features as in {@link denseClassifierGraph}
 */
export function denseClassifierTrainingGraph(
  options: DenseClassifierOptions,
  size: DenseClassifierSize,
  slots: WindowSlots,
  features?: Value,
): DenseClassifierGraph & PooledWindows {
  const graph = denseClassifierGraph(options, size, features);
  const windows = { count: size.batchSize * slots.windows, cells: slots.cells };
  return { ...graph, ...poolWindows(graph.map, windows, options.pooling) };
}

/**
 * Random starting weights of a dense head, each tensor from a stream of its own.
 * @param streamOf gives the stream of a tensor
 */
export function initialDenseWeights(
  options: Pick<DenseClassifierOptions, "channels" | "hidden">,
  streamOf: (name: string) => RandomStream,
): Map<string, FloatTensor> {
  const { parameters } = denseClassifierGraph(options, { batchSize: 1, width: 1, height: 1 });
  const fanIn = (name: string) => (name.includes(".0.") ? options.channels : options.hidden);
  return new Map(
    [...parameters.all()].map(([name, { shape }]) => [
      name,
      uniformFanIn(fanIn(name))(shape, streamOf(name)),
    ]),
  );
}
