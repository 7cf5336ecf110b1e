import { constant, floatTensor, input, reshape, separable, type Value } from "../../graph/index.js";
import {
  frozenParameters,
  lookupWithin,
  type OverlapLosses,
  overlapLosses,
  type ParameterLookup,
  ParameterSet,
  type WeightedMaskLosses,
  weightedMaskLosses,
} from "../../nn/index.js";
import { type FeatureLevelSizes, type FeatureLevels, featureInput, forEachLevel } from "../feature-levels.js";
import type { StateDict } from "../weights/index.js";
import { decoderFeatures } from "./decoder-features.js";
import { decodeMasks } from "./mask-decoder.js";
import {
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  embeddingPositions,
  encodePrompts,
  withoutPrompts,
} from "./prompt-encoder.js";
import { LOW_RESOLUTION_SIZE, type SamFrame } from "./transforms.js";

/** Names of the decoder graph's inputs. */
export const decoderInputs = {
  embedding: "embedding",
  coordinates: "point-coordinates",
  labels: "point-labels",
  maskPrompt: "mask-prompt",
  hasMask: "has-mask-prompt",
  target: "target",
  weights: "target-weights",
} as const;

/** What a decoder graph is compiled for. */
export interface DecoderGraphOptions {
  readonly batchSize: number;
  /** Slots for the points of each image; 0 prompts by the mask alone, or where features are seen by nothing. */
  readonly points: number;
  /** Takes a mask prompt beside the points, the input `mask-prompt` [B, 1, 256, 256]; without one by default. */
  readonly maskPrompt?: boolean | undefined;
  /** Images of a batch may lack the mask prompt: the input `has-mask-prompt` [B, 1, 1, 1] is 1 for those with it. */
  readonly optionalMask?: boolean | undefined;
  /** Sizes of a classifier's features that the decoder sees, as inputs, see `featureInput`; none by default. */
  readonly features?: FeatureLevelSizes | undefined;
  /** The features themselves, as part of the graph, instead of inputs. */
  readonly seen?: FeatureLevels | undefined;
}

/** SAM from image embedding and prompts to patch logits, with the decoder's parameters trainable. */
export interface DecoderGraph {
  /** `mask_decoder.*` by state-dict name. */
  readonly parameters: ParameterSet;
  /** Logits at the patch's resolution, [B, height, width]; above 0 is foreground. */
  readonly logits: Value;
  /** SAM's own estimate of the mask's IoU, [B, 1]. */
  readonly iou: Value;
  /** Dice and IoU losses against the input `target` [B, height, width]. */
  readonly losses: OverlapLosses;
  /** Losses against the same target with the input `target-weights` [B, height, width]. */
  readonly weightedLosses: WeightedMaskLosses;
}

/**
 * Builds the graph for batches of prompted patches.
 * @param weights holds `prompt_encoder.*`, which stay frozen
 */
export function decoderGraph(
  weights: StateDict,
  frame: SamFrame,
  { batchSize, points, maskPrompt = false, optionalMask = false, features, seen }: DecoderGraphOptions,
): DecoderGraph {
  const parameters = new ParameterSet();
  const frozen = frozenParameters(weights);
  const { height, width } = frame.patch;
  const lookup: ParameterLookup = (name, shape) => parameters.get(name, shape);
  const pointPrompts =
    points === 0
      ? undefined
      : {
          coordinates: input(decoderInputs.coordinates, [batchSize, points, 2]),
          labels: input(decoderInputs.labels, [batchSize, points]),
        };
  const masks = maskPrompt
    ? input(decoderInputs.maskPrompt, [batchSize, 1, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE])
    : undefined;
  const hasMask = optionalMask ? input(decoderInputs.hasMask, [batchSize, 1, 1, 1]) : undefined;
  const levels = seen ?? (features && inputsOf(features, batchSize));
  const isPrompted = points > 0 || maskPrompt || levels === undefined;
  const prediction = decodeMasks(
    lookup,
    {
      embedding: input(decoderInputs.embedding, [batchSize, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE]),
      positions: embeddingPositions(frozen),
      prompts: isPrompted
        ? encodePrompts(frozen, { points: pointPrompts, masks, hasMask })
        : withoutPrompts(frozen),
      features: levels && decoderFeatures(lookupWithin(lookup, "mask_decoder"), levels, frame),
    },
    { fewTokens: points === 0 },
  );
  const rows = constant(floatTensor([height, LOW_RESOLUTION_SIZE], frame.outputMatrixRows()));
  const columns = constant(floatTensor([width, LOW_RESOLUTION_SIZE], frame.outputMatrixColumns()));
  const logits = reshape(separable(prediction.lowResolution, rows, columns), [batchSize, height, width]);
  const target = input(decoderInputs.target, [batchSize, height, width]);
  const weightedLosses = weightedMaskLosses(logits, target, input(decoderInputs.weights, target.shape));
  return { parameters, logits, iou: prediction.iou, losses: overlapLosses(logits, target), weightedLosses };
}

function inputsOf(levels: FeatureLevelSizes, batchSize: number): FeatureLevels {
  return forEachLevel((stride) => {
    const { channels, width, height } = levels[stride];
    return input(featureInput(stride), [batchSize, channels, height, width]);
  });
}
