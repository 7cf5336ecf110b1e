import { add, axisSize, relu, type Value } from "../../graph/index.js";
import { attention, layerNorm, linear, lookupWithin, type ParameterLookup } from "../../nn/index.js";
import { type CrossAttention, projectedAttention } from "./cross-attention.js";

const DEPTH = 2;
const HEADS = 8;
const MLP_WIDTH = 2048;

/** Tokens [B, T, width] and image pixels [B, P, width]. */
export interface TokensAndImage {
  readonly tokens: Value;
  readonly image: Value;
}

/** Positional encodings: of the tokens, which are the tokens as they began, and of the image's pixels. */
interface PositionalEncodings {
  readonly queryPe: Value;
  readonly keyPe: Value;
}

/**
 * SAM's two-way transformer: tokens attend to themselves and to the image, the image attends to the tokens,
 * twice; then the tokens attend to the image once more (Kirillov et al., 2023, appendix A). Names are those of
 * segment-anything's `TwoWayTransformer`: queries are the tokens, keys the image's pixels.
 * @param parameters gives the parameters by name, such as `layers.0.self_attn.q_proj.weight`
 * @param positions positional encoding of the image's pixels, [P, width]
 * @param across how tokens and image attend to each other: which way of computing it is the faster
 */
export function twoWayTransformer(
  parameters: ParameterLookup,
  { tokens, image }: TokensAndImage,
  positions: Value,
  across: CrossAttention = projectedAttention,
): TokensAndImage {
  let state: TokensAndImage = { tokens, image };
  for (let layer = 0; layer < DEPTH; layer++) {
    const own = lookupWithin(parameters, `layers.${layer}`);
    const encodings = { queryPe: tokens, keyPe: positions };
    state = twoWayBlock(own, state, encodings, { across, isFirst: layer === 0 });
  }
  const attnOut = across.tokensToImage(lookupWithin(parameters, "final_attn_token_to_image"), {
    queries: add(state.tokens, tokens),
    keys: add(state.image, positions),
    values: state.image,
  });
  return {
    tokens: layerNorm(lookupWithin(parameters, "norm_final_attn"), add(state.tokens, attnOut)),
    image: state.image,
  };
}

/** One layer, segment-anything's `TwoWayAttentionBlock`; encodings are added wherever queries and keys meet. */
function twoWayBlock(
  parameters: ParameterLookup,
  { tokens, image: keys }: TokensAndImage,
  { queryPe, keyPe }: PositionalEncodings,
  { across, isFirst }: { readonly across: CrossAttention; readonly isFirst: boolean },
): TokensAndImage {
  const part = (name: string) => lookupWithin(parameters, name);
  const selfAttended = layerNorm(part("norm1"), selfAttention(part("self_attn"), tokens, queryPe, isFirst));
  const k = add(keys, keyPe);
  const toImage = across.tokensToImage(part("cross_attn_token_to_image"), {
    queries: add(selfAttended, queryPe),
    keys: k,
    values: keys,
  });
  const crossAttended = layerNorm(part("norm2"), add(selfAttended, toImage));
  const queries = layerNorm(part("norm3"), add(crossAttended, feedForward(part("mlp"), crossAttended)));
  const toTokens = across.imageToTokens(part("cross_attn_image_to_token"), {
    queries: k,
    keys: add(queries, queryPe),
    values: queries,
  });
  return { tokens: queries, image: layerNorm(part("norm4"), add(keys, toTokens)) };
}

/** In the first layer the tokens are their own positions, and the attention replaces them. */
function selfAttention(parameters: ParameterLookup, queries: Value, queryPe: Value, isFirst: boolean): Value {
  const options = { heads: HEADS, innerWidth: axisSize(queries.shape, -1) };
  if (isFirst) return attention(parameters, { queries, keys: queries, values: queries }, options);
  const q = add(queries, queryPe);
  return add(queries, attention(parameters, { queries: q, keys: q, values: queries }, options));
}

function feedForward(parameters: ParameterLookup, x: Value): Value {
  const hidden = relu(linear(lookupWithin(parameters, "lin1"), x, MLP_WIDTH));
  return linear(lookupWithin(parameters, "lin2"), hidden, axisSize(x.shape, -1));
}
