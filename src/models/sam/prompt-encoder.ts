import { EpSamError } from "../../common/index.js";
import {
  absolute,
  add,
  axisSize,
  broadcastTo,
  concat,
  constant,
  conv2d,
  cos,
  floats,
  floatTensor,
  gelu,
  matmul,
  multiply,
  negate,
  relu,
  reshape,
  scale,
  sin,
  subtract,
  type Value,
} from "../../graph/index.js";
import { layerNorm2d, lookupWithin, type ParameterLookup } from "../../nn/index.js";
import { SAM_INPUT_SIZE } from "./transforms.js";

/** Width of SAM's tokens and channels of its image embedding. */
export const EMBEDDING_WIDTH = 256;
/** Side of SAM's image embedding. */
export const EMBEDDING_SIZE = 64;

const MASK_CHANNELS = 16;

/** One prompt set for each of B images; coordinates are pixels of SAM's 1024×1024 input. */
export interface PromptValues {
  readonly points?:
    | {
        /** [B, N, 2] as x, y. */
        readonly coordinates: Value;
        /** [B, N]: 1 foreground, 0 background, −1 no point (padding where an image has fewer than N). */
        readonly labels: Value;
        /**
         * The labels 2 and 3, a box's upper left and lower right corner, occur too, so that one graph serves prompts
         * with and without a box. The caller then gives SAM's padding point (label −1) where there is no box.
         */
        readonly corners?: boolean | undefined;
      }
    | undefined;
  /** [B, 4] as left, top, right, bottom. */
  readonly boxes?: Value | undefined;
  /** Logits of an earlier mask, [B, 1, 256, 256]. */
  readonly masks?: Value | undefined;
  /** 1 for images whose mask counts, 0 for those prompted as without one, [B, 1, 1, 1]; all count when left out. */
  readonly hasMask?: Value | undefined;
}

/** Prompts as the mask decoder takes them. */
export interface PromptEmbeddings {
  /** One token for each point and each box corner, [B, T, 256]; T is 0 for a mask alone, and without any prompt. */
  readonly sparse: Value;
  /** Added to the image embedding: [B, 256, 64, 64], or [1, 256, 1, 1] when no mask was given. */
  readonly dense: Value;
}

/**
 * SAM's prompt encoder (Kirillov et al., 2023, appendix A) as part of a graph.
 * @param parameters gives `prompt_encoder.*` by state-dict name
 * @throws EpSamError `shape` when there is no point, no box and no mask, or a shape is not as documented
 */
export function encodePrompts(parameters: ParameterLookup, prompts: PromptValues): PromptEmbeddings {
  const own = lookupWithin(parameters, "prompt_encoder");
  const tokens = [
    ...(prompts.points === undefined ? [] : [pointTokens(own, prompts.points)]),
    ...(prompts.boxes === undefined ? [] : [boxTokens(own, prompts.boxes)]),
  ];
  const [first] = tokens;
  if (first === undefined && prompts.masks === undefined) {
    throw new EpSamError("shape", { what: "needs points, a box or a mask", where: "encodePrompts" });
  }
  // SAM marks the end of the points by a padding token unless a box follows.
  if (first !== undefined && prompts.boxes === undefined && prompts.points?.corners !== true) {
    tokens.push(broadcastTo(notAPoint(own), [axisSize(first.shape, 0), 1, EMBEDDING_WIDTH]));
  }
  const dense = denseEmbedding(own, prompts);
  return first === undefined ? { sparse: noTokens(dense), dense } : { sparse: concat(tokens, 1), dense };
}

/** What SAM takes where nothing is asked about an image, for decoders whose features say what to look for. */
export function withoutPrompts(parameters: ParameterLookup): PromptEmbeddings {
  const dense = noMaskEmbedding(lookupWithin(parameters, "prompt_encoder"));
  return { sparse: noTokens(dense), dense };
}

function noTokens(dense: Value): Value {
  return constant(floatTensor([axisSize(dense.shape, 0), 0, EMBEDDING_WIDTH]));
}

function noMaskEmbedding(parameters: ParameterLookup): Value {
  return reshape(parameters("no_mask_embed.weight", [1, EMBEDDING_WIDTH]), [1, EMBEDDING_WIDTH, 1, 1]);
}

function denseEmbedding(parameters: ParameterLookup, { masks, hasMask }: PromptValues): Value {
  const noMask = noMaskEmbedding(parameters);
  if (masks === undefined) return noMask;
  const mask = maskEmbedding(parameters, masks);
  if (hasMask === undefined) return mask;
  return add(noMask, multiply(hasMask, subtract(mask, noMask)));
}

/**
 * The positional encoding of each pixel of the image embedding, [4096, 256], row by row. It depends on the
 * weights alone: with frozen parameters the runtime computes it once.
 */
export function embeddingPositions(parameters: ParameterLookup): Value {
  const coordinates = new Float32Array(EMBEDDING_SIZE * EMBEDDING_SIZE * 2);
  const pixel = SAM_INPUT_SIZE / EMBEDDING_SIZE;
  for (let index = 0; index < EMBEDDING_SIZE * EMBEDDING_SIZE; index++) {
    coordinates[2 * index] = ((index % EMBEDDING_SIZE) + 0.5) * pixel;
    coordinates[2 * index + 1] = (Math.floor(index / EMBEDDING_SIZE) + 0.5) * pixel;
  }
  const grid = constant(floatTensor([EMBEDDING_SIZE * EMBEDDING_SIZE, 2], coordinates));
  return positionalEncoding(lookupWithin(parameters, "prompt_encoder"), grid);
}

/** Random Fourier features (Tancik et al., 2020) of pixel coordinates [..., 2] → [..., 256]. */
function positionalEncoding(parameters: ParameterLookup, coordinates: Value): Value {
  const frequencies = parameters("pe_layer.positional_encoding_gaussian_matrix", [2, EMBEDDING_WIDTH / 2]);
  const centred = subtract(scale(coordinates, 2 / SAM_INPUT_SIZE), floats(1));
  const phases = scale(matmul(centred, frequencies), 2 * Math.PI);
  return concat([sin(phases), cos(phases)], coordinates.shape.length - 1);
}

function pointTokens(
  parameters: ParameterLookup,
  { coordinates, labels, corners = false }: NonNullable<PromptValues["points"]>,
): Value {
  const [batch, count] = labels.shape;
  if (labels.shape.length !== 2 || batch === undefined || count === undefined) {
    throw new EpSamError("shape", { what: "needs labels [B, N]", where: "encodePrompts" });
  }
  const column = reshape(labels, [batch, count, 1]);
  const padding = relu(negate(column));
  const known = corners ? ([0, 1, 2, 3] as const) : ([0, 1] as const);
  // One for the kind that the label names, zero for the others.
  const isKind = (kind: number) => relu(subtract(floats(1), absolute(subtract(column, floats(kind)))));
  const positions = positionalEncoding(parameters, add(coordinates, floats(0.5)));
  const kinds = concat([...known.map(isKind), padding], 2);
  const embeddings = concat(
    [...known.map((kind) => cornerOrPoint(parameters, kind)), notAPoint(parameters)],
    0,
  );
  return add(multiply(positions, subtract(floats(1), padding)), matmul(kinds, embeddings));
}

function boxTokens(parameters: ParameterLookup, boxes: Value): Value {
  const corners = add(reshape(boxes, [axisSize(boxes.shape, 0), 2, 2]), floats(0.5));
  const kinds = concat([cornerOrPoint(parameters, 2), cornerOrPoint(parameters, 3)], 0);
  return add(positionalEncoding(parameters, corners), kinds);
}

/** Learned embeddings: 0 background point, 1 foreground point, 2 upper left and 3 lower right box corner. */
function cornerOrPoint(parameters: ParameterLookup, kind: 0 | 1 | 2 | 3): Value {
  return parameters(`point_embeddings.${kind}.weight`, [1, EMBEDDING_WIDTH]);
}

function notAPoint(parameters: ParameterLookup): Value {
  return parameters("not_a_point_embed.weight", [1, EMBEDDING_WIDTH]);
}

/** [B, 1, 256, 256] → [B, 256, 64, 64]: two strided convolutions and a pointwise one. */
function maskEmbedding(parameters: ParameterLookup, masks: Value): Value {
  const convolution = (index: number, x: Value, outputs: number, kernel: number): Value => {
    const own = lookupWithin(parameters, `mask_downscaling.${index}`);
    const weight = own("weight", [outputs, axisSize(x.shape, 1), kernel, kernel]);
    return conv2d(x, weight, { stride: kernel, bias: own("bias", [outputs]) });
  };
  const normalised = (index: number, x: Value): Value =>
    gelu(layerNorm2d(lookupWithin(parameters, `mask_downscaling.${index}`), x));
  const half = normalised(1, convolution(0, masks, MASK_CHANNELS / 4, 2));
  const quarter = normalised(4, convolution(3, half, MASK_CHANNELS, 2));
  return convolution(6, quarter, EMBEDDING_WIDTH, 1);
}
