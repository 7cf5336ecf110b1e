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

/**
 * SAM's two-way transformer: tokens attend to themselves and to the image, the image attends to the tokens,
 * twice; then the tokens attend to the image once more (Kirillov et al., 2023, appendix A).
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
    state = twoWayBlock(own, state, { tokens, image: positions }, { across, isFirst: layer === 0 });
  }
  const attended = across.tokensToImage(lookupWithin(parameters, "final_attn_token_to_image"), {
    queries: add(state.tokens, tokens),
    keys: add(state.image, positions),
    values: state.image,
  });
  return {
    tokens: layerNorm(lookupWithin(parameters, "norm_final_attn"), add(state.tokens, attended)),
    image: state.image,
  };
}

/** One layer; `positions` are added wherever queries and keys meet (for tokens: the tokens as they began). */
function twoWayBlock(
  parameters: ParameterLookup,
  state: TokensAndImage,
  positions: TokensAndImage,
  { across, isFirst }: { readonly across: CrossAttention; readonly isFirst: boolean },
): TokensAndImage {
  const part = (name: string) => lookupWithin(parameters, name);
  const located = (tokens: Value) => add(tokens, positions.tokens);

  const self = layerNorm(part("norm1"), selfAttention(part("self_attn"), state.tokens, positions, isFirst));
  const locatedImage = add(state.image, positions.image);
  const seen = across.tokensToImage(part("cross_attn_token_to_image"), {
    queries: located(self),
    keys: locatedImage,
    values: state.image,
  });
  const informed = layerNorm(part("norm2"), add(self, seen));
  const tokens = layerNorm(part("norm3"), add(informed, feedForward(part("mlp"), informed)));
  const told = across.imageToTokens(part("cross_attn_image_to_token"), {
    queries: locatedImage,
    keys: located(tokens),
    values: tokens,
  });
  return { tokens, image: layerNorm(part("norm4"), add(state.image, told)) };
}

/** In the first layer the tokens are their own positions, and the attention replaces them. */
function selfAttention(
  parameters: ParameterLookup,
  tokens: Value,
  positions: TokensAndImage,
  isFirst: boolean,
): Value {
  const options = { heads: HEADS, innerWidth: axisSize(tokens.shape, -1) };
  if (isFirst) return attention(parameters, { queries: tokens, keys: tokens, values: tokens }, options);
  const located = add(tokens, positions.tokens);
  return add(tokens, attention(parameters, { queries: located, keys: located, values: tokens }, options));
}

function feedForward(parameters: ParameterLookup, x: Value): Value {
  const hidden = relu(linear(lookupWithin(parameters, "lin1"), x, MLP_WIDTH));
  return linear(lookupWithin(parameters, "lin2"), hidden, axisSize(x.shape, -1));
}
