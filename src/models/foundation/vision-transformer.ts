import type { Shape } from "../../graph/index.js";
import type { ExpectedTensor } from "../weights/index.js";

/** How positions learnt for one grid become those of another, see {@link resampledPositions}. */
export const positionRules = ["antialiased", "bicubic", "bicubic-offset"] as const;
export type PositionRule = (typeof positionRules)[number];

/**
 * A plain vision transformer with pre-normalised blocks (Dosovitskiy et al., 2021, "An Image is Worth 16x16 Words"; Oquab
 * et al., 2023, "DINOv2"; Darcet et al., 2023, "Vision Transformers Need Registers").
 */
export interface VisionTransformer {
  /** Side of a token in pixels. */
  readonly patch: number;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Side in tokens of the grid that positions were learnt for. */
  readonly grid: number;
  readonly classToken: boolean;
  /** Further tokens that belong to no place. */
  readonly registers: number;
  /** How many of class token and registers, in this order, have a learnt position. */
  readonly placedTokens: number;
  readonly feedForward: "gelu" | "swiglu";
  /** Outputs of the first layer of a feed-forward; half of them gate the others in a SwiGLU (Shazeer, 2020). */
  readonly hidden: number;
  readonly layerScale: boolean;
  readonly qkvBias: boolean;
  readonly patchBias: boolean;
  /** Normalises the tokens before the first block. */
  readonly preNorm: boolean;
  readonly finalNorm: boolean;
  /** Of layer normalisations, added to the variance. */
  readonly epsilon: number;
  readonly positions: PositionRule;
}

/** Tokens before those of the image. */
export function prefixTokens({ classToken, registers }: VisionTransformer): number {
  return (classToken ? 1 : 0) + registers;
}

/** Names and shapes of a transformer's tensors: those of timm, with query, key and value in one. */
export function transformerTensors(transformer: VisionTransformer): ExpectedTensor[] {
  const { width, patch, depth, grid, classToken, registers, placedTokens } = transformer;
  const tensors: (readonly [name: string, shape: Shape, present?: boolean])[] = [
    ["cls_token", [1, 1, width], classToken],
    ["reg_token", [1, registers, width], registers > 0],
    ["pos_embed", [1, placedTokens + grid * grid, width]],
    ["patch_embed.proj.weight", [width, 3, patch, patch]],
    ["patch_embed.proj.bias", [width], transformer.patchBias],
    ["norm_pre.weight", [width], transformer.preNorm],
    ["norm_pre.bias", [width], transformer.preNorm],
    ...Array.from({ length: depth }, (_, index) => blockTensors(transformer, index)).flat(),
    ["norm.weight", [width], transformer.finalNorm],
    ["norm.bias", [width], transformer.finalNorm],
  ];
  return tensors.flatMap(([name, shape, present = true]) => (present ? [{ name, shape }] : []));
}

function blockTensors(
  { width, hidden, feedForward, layerScale, qkvBias }: VisionTransformer,
  index: number,
): (readonly [string, Shape, boolean?])[] {
  const gated = feedForward === "swiglu" ? hidden / 2 : hidden;
  const tensors: (readonly [string, Shape, boolean?])[] = [
    ["norm1.weight", [width]],
    ["norm1.bias", [width]],
    ["attn.qkv.weight", [3 * width, width]],
    ["attn.qkv.bias", [3 * width], qkvBias],
    ["attn.proj.weight", [width, width]],
    ["attn.proj.bias", [width]],
    ["ls1.gamma", [width], layerScale],
    ["norm2.weight", [width]],
    ["norm2.bias", [width]],
    ["mlp.fc1.weight", [hidden, width]],
    ["mlp.fc1.bias", [hidden]],
    ["mlp.fc2.weight", [width, gated]],
    ["mlp.fc2.bias", [width]],
    ["ls2.gamma", [width], layerScale],
  ];
  return tensors.map(([name, shape, present = true]) => [`blocks.${index}.${name}`, shape, present] as const);
}
