import {
  add,
  axisSize,
  broadcastTo,
  concat,
  gelu,
  matmul,
  multiply,
  reshape,
  shape4,
  slice,
  sum,
  transpose,
  type Value,
} from "../../graph/index.js";
import { layerNorm, lookupWithin, multilayerPerceptron, type ParameterLookup } from "../../nn/index.js";
import { foldedAttention, projectedAttention } from "./cross-attention.js";
import type { DecoderFeatures } from "./decoder-features.js";
import { EMBEDDING_SIZE, EMBEDDING_WIDTH, type PromptEmbeddings } from "./prompt-encoder.js";
import { twoWayTransformer } from "./two-way-transformer.js";

const MASK_TOKENS = 4;
const UPSCALED_WIDTH = EMBEDDING_WIDTH / 8;
const LAYER_NORM_2D_EPSILON = 1e-6;

export interface MaskDecoderInputs {
  /** From the image encoder, [B, 256, 64, 64]. */
  readonly embedding: Value;
  /** From {@link embeddingPositions}, [4096, 256]. */
  readonly positions: Value;
  readonly prompts: PromptEmbeddings;
  /** A classifier's features of the same images; none in SAM as published. */
  readonly features?: DecoderFeatures | undefined;
}

export interface SamMaskDecoderOptions {
  /** Three masks of different extent for ambiguous prompts instead of the one. */
  readonly multimask?: boolean | undefined;
  /** Makes one of all four masks: from SAM's estimates [B, 4], how much of each, [B, 4]. Instead of `multimask`. */
  readonly choose?: ((estimates: Value) => Value) | undefined;
  /** Computes attention the way that is faster for fewer than 16 tokens, see `foldedAttention`. */
  readonly fewTokens?: boolean | undefined;
}

/** M is 1, 3 for `multimask`. */
export interface MaskPrediction {
  /** Logits, [B, M, 256, 256]; above 0 is foreground. */
  readonly lowResolution: Value;
  /** SAM's own estimate of each mask's IoU, [B, M]. */
  readonly iou: Value;
}

/**
 * SAM's mask decoder (Kirillov et al., 2023, appendix A) as part of a graph, for one prompt set per image.
 * The image stays in the layout [pixels, channels] throughout, so that every layer is one matrix product; only
 * the finished logits are put in image order.
 * @param parameters gives `mask_decoder.*` by state-dict name
 */
export function decodeMasks(
  parameters: ParameterLookup,
  { embedding, positions, prompts, features }: MaskDecoderInputs,
  { multimask = false, choose, fewTokens = false }: SamMaskDecoderOptions = {},
): MaskPrediction {
  const own = lookupWithin(parameters, "mask_decoder");
  const [batch] = shape4(embedding, "decodeMasks");
  const outputTokens = concat(
    [
      own("iou_token.weight", [1, EMBEDDING_WIDTH]),
      own("mask_tokens.weight", [MASK_TOKENS, EMBEDDING_WIDTH]),
    ],
    0,
  );
  const repeated = broadcastTo(outputTokens, [batch, 1 + MASK_TOKENS, EMBEDDING_WIDTH]);
  const tokens = axisSize(prompts.sparse.shape, 1) === 0 ? repeated : concat([repeated, prompts.sparse], 1);
  const seen = features === undefined ? embedding : add(embedding, features.embedding);
  const image = pixelsFirst(add(seen, prompts.dense));
  const across = fewTokens ? foldedAttention : projectedAttention;
  const transformer = lookupWithin(own, "transformer");
  const attended = twoWayTransformer(transformer, { tokens, image }, positions, across);
  const filters = maskFilters(own, attended.tokens);
  // Token 0 predicts the quality.
  const qualities = multilayerPerceptron(
    lookupWithin(own, "iou_prediction_head"),
    token(attended.tokens, 0),
    [EMBEDDING_WIDTH, EMBEDDING_WIDTH, MASK_TOKENS],
  );
  const chosen =
    choose === undefined ? someOf(filters, qualities, multimask) : mixed(filters, qualities, choose);
  return {
    lowResolution: imageOrder(
      matmul(chosen.filters, upscaled(own, attended.image, features), { transposeB: true }),
    ),
    iou: chosen.iou,
  };
}

/** What makes the masks that are asked for: filters [B, M, 32] and estimates [B, M]. */
interface ChosenFilters {
  readonly filters: Value;
  readonly iou: Value;
}

/** Of the four mask tokens the first serves the single mask. */
function someOf(filters: Value, qualities: Value, multimask: boolean): ChosenFilters {
  const range = { axis: 1, start: multimask ? 1 : 0, end: multimask ? MASK_TOKENS : 1 };
  return { filters: slice(filters, [range]), iou: slice(qualities, [range]) };
}

/** Logits are linear in the filters, so that one mask need not be chosen among four finished ones. */
function mixed(filters: Value, qualities: Value, choose: (estimates: Value) => Value): ChosenFilters {
  const shares = choose(qualities);
  const batch = axisSize(qualities.shape, 0);
  return {
    filters: matmul(reshape(shares, [batch, 1, MASK_TOKENS]), filters),
    iou: sum(multiply(shares, qualities), [1], true),
  };
}

/** [B, C, H, W] → [B, H · W, C]. */
function pixelsFirst(x: Value): Value {
  const [batch, channels, height, width] = shape4(x, "decodeMasks");
  return transpose(reshape(x, [batch, channels, height * width]), [0, 2, 1]);
}

/** Token `index` of [B, T, C] as [B, C]. */
function token(tokens: Value, index: number): Value {
  const [batch = 1, , width = 1] = tokens.shape;
  return reshape(slice(tokens, [{ axis: 1, start: index, end: index + 1 }]), [batch, width]);
}

/** What each mask token's hypernetwork makes of it: [B, 4, 32]. */
function maskFilters(parameters: ParameterLookup, tokens: Value): Value {
  const batch = axisSize(tokens.shape, 0);
  const filters = Array.from({ length: MASK_TOKENS }, (_, index) => {
    const own = lookupWithin(parameters, `output_hypernetworks_mlps.${index}`);
    const widths = [EMBEDDING_WIDTH, EMBEDDING_WIDTH, UPSCALED_WIDTH];
    return reshape(multilayerPerceptron(own, token(tokens, 1 + index), widths), [batch, 1, UPSCALED_WIDTH]);
  });
  return concat(filters, 1);
}

/** Two doublings of the resolution: [B, 4096, 256] → [B, 4096·4·4, 32], see {@link doubled}. */
function upscaled(parameters: ParameterLookup, image: Value, features: DecoderFeatures | undefined): Value {
  const batch = axisSize(image.shape, 0);
  const flat = reshape(image, [-1, EMBEDDING_WIDTH]);
  const part = (index: number) => lookupWithin(parameters, `output_upscaling.${index}`);
  const half = plus(doubled(part(0), flat, EMBEDDING_WIDTH / 4), features?.half);
  const active = gelu(layerNorm(part(1), half, LAYER_NORM_2D_EPSILON));
  return reshape(gelu(plus(doubled(part(3), active, UPSCALED_WIDTH), features?.full)), [
    batch,
    -1,
    UPSCALED_WIDTH,
  ]);
}

function plus(x: Value, more: Value | undefined): Value {
  return more === undefined ? x : add(x, more);
}

/**
 * A transposed convolution with kernel and stride 2 on pixels in rows: [P, C] → [P·4, outputs]. Kernels do not
 * overlap, so it is one matrix product that gives each pixel's four children, upper left first.
 */
function doubled(parameters: ParameterLookup, pixels: Value, outputs: number): Value {
  const channels = axisSize(pixels.shape, -1);
  const weight = parameters("weight", [channels, outputs, 2, 2]);
  const children = reshape(transpose(weight, [0, 2, 3, 1]), [channels, 4 * outputs]);
  return add(reshape(matmul(pixels, children), [-1, outputs]), parameters("bias", [outputs]));
}

/** Logits of nested pixels, [B, M, 4096·4·4], as images [B, M, 256, 256]. */
function imageOrder(logits: Value): Value {
  const [batch = 1, masks = 1] = logits.shape;
  const nested = reshape(logits, [batch * masks, EMBEDDING_SIZE, EMBEDDING_SIZE, 2, 2, 2, 2]);
  const ordered = transpose(nested, [0, 1, 3, 5, 2, 4, 6]);
  return reshape(ordered, [batch, masks, 4 * EMBEDDING_SIZE, 4 * EMBEDDING_SIZE]);
}
