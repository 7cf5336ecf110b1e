import { RandomStream } from "../common/index.js";
import { add, floatTensor, type HostTensors, input, scale, type Value } from "../graph/index.js";
import { type RgbImage, reflectPadded } from "../imaging/index.js";
import { type ChannelNoise, pyramidSide } from "../method/index.js";
import {
  type BackboneEntry,
  colourPlanes,
  decoderGraph,
  decoderInputs,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  FEATURE_STRIDES,
  type FeatureLevels,
  type FeatureStride,
  featureProjectionShapes,
  forEachLevel,
  initialPyramidWeights,
  levelsOf,
  type PatchPrompt,
  placedBackbone,
  promptFeeds,
  pyramidGraph,
  type SamFrame,
  type StateDict,
  seenFeatures,
} from "../models/index.js";
import { frozenParameters, overlapLosses, ParameterSet, weightedMaskLosses } from "../nn/index.js";
import { decoderBackbone, promptSettings, type TrainingConfig } from "../run/index.js";
import type { Weights } from "./epoch-loop.js";

/** One patch of a batch as a segmenter is fed with it. */
export interface SegmenterSample {
  /** Turned, cut and stained as drawn; square. */
  readonly image: RgbImage;
  /** Whether each pixel is tumour, 0 or 1, in the image's size. */
  readonly target: Uint8Array;
  /** How much each pixel counts, from 0 to 255. */
  readonly confidence: Uint8Array;
  /** SAM's embedding of the image, for its decoder. */
  readonly embedding?: Float32Array | undefined;
  /** What SAM's decoder is prompted with. */
  readonly prompt?: PatchPrompt | undefined;
  /** False leaves the mask prompt out. */
  readonly hasMask: boolean;
  /** Of the features at each stride, see `decoder.featureNoise`. */
  readonly noise?: Readonly<Record<FeatureStride, ChannelNoise>> | undefined;
}

/** What a segmenter is trained as: a graph with a loss, and how samples become its inputs. */
export interface SegmenterModel {
  readonly loss: Value;
  readonly parameters: ReadonlyMap<string, Value>;
  /** The inputs that hold one thing for each sample. */
  readonly inputs: readonly string[];
  /** Weights to start from. */
  readonly initial: Weights;
  feeds(samples: readonly SegmenterSample[]): HostTensors;
}

/** What a segmenter's graph is built for. */
export interface SegmenterModelOptions {
  readonly config: TrainingConfig;
  /** Names the random starting weights. */
  readonly stage: string;
  readonly batchSize: number;
  /** Side of the samples in pixels. */
  readonly side: number;
  /** What stays frozen and what is started from, see `decoderBase`. */
  readonly base: StateDict;
  /** Of the features, see `standardisationTensors`. */
  readonly standardisation: StateDict;
  readonly frame: SamFrame;
  /** Whether samples have {@link SegmenterSample.noise}. */
  readonly hasNoise: boolean;
}

const inputs = { images: "images", target: "target", weights: "target-weights" } as const;

/** Logits of a pyramid are learnt at this stride. */
const FINEST_STRIDE = 4;

/** Dice's smoothing where the images of a batch are taken as one. */
const JOINT_SMOOTHING = 1;

/** The segmenter that a configuration asks for, see `seesFeatures`. */
export function segmenterModel(options: SegmenterModelOptions): SegmenterModel {
  return options.config.decoder.kind === "pyramid" ? pyramidModel(options) : samModel(options);
}

function pyramidModel(options: SegmenterModelOptions): SegmenterModel {
  const { config, stage, batchSize, base } = options;
  const side = pyramidSide(options.side);
  const size = { width: side, height: side };
  const { entry, features, trained } = trainedFeatures(options, side);
  const graph = pyramidGraph(batchSize, levelsOf(entry, size), size, features);
  const cells = side / FINEST_STRIDE;
  const initial = initialPyramidWeights(
    levelsOf(entry, size),
    (name) => new RandomStream(config.seed, stage, "weights", name),
  );
  return {
    loss: maskLoss(config, graph.fine, [batchSize, cells, cells]),
    parameters: new Map([...graph.parameters.all(), ...trained]),
    inputs: [...Object.values(inputs), ...noiseInputs(options)],
    initial: new Map([...initial, ...startsOf(trained, base)]),
    feeds: (samples) => {
      const targets = new Float32Array(samples.length * cells * cells);
      const weights = new Float32Array(targets.length);
      samples.forEach(({ target, confidence, image }, index) => {
        const at = index * cells * cells;
        targets.set(pooled(target, image.width, cells), at);
        weights.set(
          pooled(confidence, image.width, cells).map((value) => value / 255),
          at,
        );
      });
      return {
        [inputs.images]: colourPlanes(samples.map(({ image }) => reflectPadded(image, side, side))),
        [inputs.target]: floatTensor([samples.length, cells, cells], targets),
        [inputs.weights]: floatTensor([samples.length, cells, cells], weights),
        ...noiseFeeds(samples),
      };
    },
  };
}

function samModel(options: SegmenterModelOptions): SegmenterModel {
  const { config, batchSize, base, frame, side } = options;
  const { entry, features, trained } = trainedFeatures(options, side);
  const optionalMask = config.decoder.optionalMask > 0;
  const { points, maskPrompt } = promptSettings(config);
  const slots = { points, maskPrompt: maskPrompt === "activation-map" };
  const graph = decoderGraph(base, frame, { batchSize, ...slots, optionalMask, seen: features });
  const levels = levelsOf(entry, { width: side, height: side });
  const projections = featureProjectionShapes(forEachLevel((stride) => levels[stride].channels)).map(
    ({ name, shape }) => [`mask_decoder.${name}`, floatTensor(shape)] as const,
  );
  const own = [...base].filter(([name]) => name.startsWith("mask_decoder."));
  return {
    loss: maskLoss(config, graph.logits, [batchSize, side, side]),
    parameters: new Map([...graph.parameters.all(), ...trained]),
    inputs: [
      ...new Set([...Object.values(inputs), ...Object.values(decoderInputs), ...noiseInputs(options)]),
    ],
    initial: new Map([...own, ...projections, ...startsOf(trained, base)]),
    feeds: (samples) => {
      const count = samples.length;
      const flat = (of: (sample: SegmenterSample) => ArrayLike<number>, length: number): Float32Array => {
        const joined = new Float32Array(count * length);
        samples.forEach((sample, index) => {
          joined.set(of(sample), index * length);
        });
        return joined;
      };
      const embeddings = flat(({ embedding = [] }) => embedding, samples[0]?.embedding?.length ?? 0);
      const has = floatTensor(
        [count, 1, 1, 1],
        flat(({ hasMask }) => [hasMask ? 1 : 0], 1),
      );
      const shape = [count, side, side];
      const weights = flat(({ confidence }) => confidence, side * side).map((value) => value / 255);
      return {
        [inputs.images]: colourPlanes(samples.map(({ image }) => image)),
        [inputs.target]: floatTensor(
          shape,
          flat(({ target }) => target, side * side),
        ),
        [inputs.weights]: floatTensor(shape, weights),
        [decoderInputs.embedding]: floatTensor(
          [count, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE],
          embeddings,
        ),
        ...promptFeeds(
          samples.flatMap(({ prompt }) => prompt ?? []),
          frame,
          slots,
        ),
        ...(optionalMask ? { [decoderInputs.hasMask]: has } : {}),
        ...noiseFeeds(samples),
      };
    },
  };
}

/** Features of the images that are fed, and the backbone's parameters that are trained, by their names in a decoder. */
function trainedFeatures(
  { config, base, batchSize, standardisation, hasNoise }: SegmenterModelOptions,
  side: number,
): {
  readonly entry: BackboneEntry;
  readonly features: FeatureLevels;
  readonly trained: ReadonlyMap<string, Value>;
} {
  const entry = decoderBackbone(config);
  const trained = new ParameterSet();
  const { trainBackbone } = config.decoder;
  const features = seenFeatures(
    placedBackbone(entry, base, { parameters: trained, isTrained: () => trainBackbone }),
    input(inputs.images, [batchSize, 3, side, side]),
    frozenParameters(standardisation),
    hasNoise
      ? (stride, channels) => {
          const part = (of: keyof ChannelNoise) => input(noiseInput(stride, of), [batchSize, channels, 1, 1]);
          return { factor: part("factor"), shift: part("shift") };
        }
      : undefined,
  );
  return { entry, features, trained: trained.all() };
}

function noiseInput(stride: FeatureStride, part: keyof ChannelNoise): string {
  return `feature-noise.${stride}.${part}`;
}

const NOISE_PARTS = ["factor", "shift"] as const;

function noiseInputs({ hasNoise }: SegmenterModelOptions): string[] {
  if (!hasNoise) return [];
  return FEATURE_STRIDES.flatMap((stride) => NOISE_PARTS.map((part) => noiseInput(stride, part)));
}

function noiseFeeds(samples: readonly SegmenterSample[]): HostTensors {
  const feeds: HostTensors[] = [];
  for (const stride of FEATURE_STRIDES) {
    for (const part of NOISE_PARTS) {
      const drawn = samples.flatMap(({ noise }) => noise?.[stride][part] ?? []);
      if (drawn.length === 0) continue;
      const channels = drawn[0]?.length ?? 0;
      const joined = new Float32Array(drawn.length * channels);
      drawn.forEach((values, index) => {
        joined.set(values, index * channels);
      });
      feeds.push({ [noiseInput(stride, part)]: floatTensor([drawn.length, channels, 1, 1], joined) });
    }
  }
  return Object.assign({}, ...feeds);
}

function startsOf(trained: ReadonlyMap<string, Value>, base: StateDict): Weights {
  return new Map([...base].filter(([name]) => trained.has(name)));
}

/** The configured loss of logits against the inputs `target` and `target-weights`. */
function maskLoss({ decoder }: TrainingConfig, logits: Value, shape: readonly number[]): Value {
  const target = input(inputs.target, shape);
  const weights = input(inputs.weights, shape);
  if (decoder.loss === "overlap") {
    const { dice, iou } = overlapLosses(logits, target);
    return add(dice, iou);
  }
  const options = { smoothing: JOINT_SMOOTHING, joint: true };
  const { crossEntropy, dice } = weightedMaskLosses(logits, target, weights, options);
  return add(crossEntropy, scale(dice, 0.5));
}

/** Means over the pixels of each cell; cells beyond the image are 0. */
function pooled(values: Uint8Array, side: number, cells: number): Float32Array {
  const result = new Float32Array(cells * cells);
  for (let y = 0; y < side; y++) {
    const row = Math.floor(y / FINEST_STRIDE) * cells;
    for (let x = 0; x < side; x++) {
      const cell = row + Math.floor(x / FINEST_STRIDE);
      result[cell] = (result[cell] ?? 0) + (values[y * side + x] ?? 0) / FINEST_STRIDE ** 2;
    }
  }
  return result;
}
