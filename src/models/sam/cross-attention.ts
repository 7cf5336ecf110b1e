import { add, axisSize, matmul, reshape, scale, softmax, transpose, type Value } from "../../graph/index.js";
import {
  type AttentionInputs,
  attention,
  linear,
  lookupWithin,
  type ParameterLookup,
} from "../../nn/index.js";

const HEADS = 8;
/** Attention between tokens and image works in half the width. */
const DOWNSAMPLING = 2;

/** How tokens and image pixels attend to each other: queries, keys and values are [B, length, width]. */
export interface CrossAttention {
  readonly tokensToImage: (parameters: ParameterLookup, inputs: AttentionInputs) => Value;
  readonly imageToTokens: (parameters: ParameterLookup, inputs: AttentionInputs) => Value;
}

/** As it is written in segment-anything: everything is projected, whatever there is more of. */
export const projectedAttention: CrossAttention = { tokensToImage: projected, imageToTokens: projected };

/**
 * The same for a few tokens, with half the arithmetic: what an image's pixels would be projected with is multiplied into
 * the tokens instead, so that pixels meet 8 rows a token where they met 128 in each projection. It costs more than
 * {@link projectedAttention} from 16 tokens on.
 */
export const foldedAttention: CrossAttention = {
  tokensToImage(parameters, { queries, keys, values }) {
    const [inner, batch] = [innerWidth(queries), axisSize(queries.shape, 0)];
    const q = splitHeads(linear(lookupWithin(parameters, "q_proj"), queries, inner));
    // The keys' bias adds the same to every score of a query, which the softmax takes away again.
    const folded = matmul(scaled(q), headWeights(parameters, "k_proj", queries));
    const scores = matmul(byImage(folded, batch), imagesOf(keys), { transposeB: true });
    const seen = matmul(softmax(scores, scores.shape.length - 1), imagesOf(values));
    const heads = matmul(byHead(seen, batch), headWeights(parameters, "v_proj", values), {
      transposeB: true,
    });
    // Attention sums to one, so that the values' bias is added as it is.
    const bias = lookupWithin(parameters, "v_proj")("bias", [inner]);
    const attended = add(reshape(transpose(heads, [1, 0, 2]), [batch, -1, inner]), bias);
    return linear(lookupWithin(parameters, "out_proj"), attended, axisSize(queries.shape, -1));
  },

  imageToTokens(parameters, { queries, keys, values }) {
    const [batch = 1, pixels = 1, width = 1] = queries.shape;
    const [inner, tokens] = [innerWidth(queries), axisSize(keys.shape, 1)];
    const k = scaled(splitHeads(linear(lookupWithin(parameters, "k_proj"), keys, inner)));
    const v = splitHeads(linear(lookupWithin(parameters, "v_proj"), values, inner));
    const folded = byImage(matmul(k, headWeights(parameters, "q_proj", queries)), batch);
    const bias = reshape(lookupWithin(parameters, "q_proj")("bias", [inner]), [HEADS, inner / HEADS, 1]);
    const offsets = reshape(byImage(matmul(k, bias), batch), [...(batch === 1 ? [] : [batch]), 1, -1]);
    const scores = add(matmul(imagesOf(queries), folded, { transposeB: true }), offsets);
    const attention = softmax(reshape(scores, [batch * pixels, HEADS, tokens]), 2);
    const output = lookupWithin(parameters, "out_proj");
    const weights = reshape(output("weight", [width, inner]), [width, HEADS, inner / HEADS]);
    const told = byImage(matmul(v, transpose(weights, [1, 2, 0])), batch);
    const attended = matmul(reshape(attention, scores.shape), told);
    return reshape(add(attended, output("bias", [width])), [batch, pixels, width]);
  },
};

function projected(parameters: ParameterLookup, inputs: AttentionInputs): Value {
  return attention(parameters, inputs, { heads: HEADS, innerWidth: innerWidth(inputs.queries) });
}

function innerWidth(x: Value): number {
  return axisSize(x.shape, -1) / DOWNSAMPLING;
}

/** The scores' factor, applied to whichever side is shorter. */
function scaled(tokens: Value): Value {
  return scale(tokens, 1 / Math.sqrt(axisSize(tokens.shape, -1)));
}

/** [B, T, heads · width] → [heads, B · T, width]. */
function splitHeads(x: Value): Value {
  const [batch = 1, length = 1, width = 1] = x.shape;
  return transpose(reshape(x, [batch * length, HEADS, width / HEADS]), [1, 0, 2]);
}

/** [heads, B · T, width] → [B, heads · T, width], of one image a matrix. */
function byImage(x: Value, batch: number): Value {
  const [heads = 1, tokens = 1, width = 1] = x.shape;
  if (batch === 1) return reshape(x, [heads * tokens, width]);
  const split = transpose(reshape(x, [heads, batch, tokens / batch, width]), [1, 0, 2, 3]);
  return reshape(split, [batch, (heads * tokens) / batch, width]);
}

/** The inverse of {@link byImage}. */
function byHead(x: Value, batch: number): Value {
  const width = axisSize(x.shape, -1);
  if (batch === 1) return reshape(x, [HEADS, -1, width]);
  const split = transpose(reshape(x, [batch, HEADS, -1, width]), [1, 0, 2, 3]);
  return reshape(split, [HEADS, -1, width]);
}

/** [B, P, width], of one image a matrix: products of matrices are the fastest. */
function imagesOf(x: Value): Value {
  return axisSize(x.shape, 0) === 1 ? reshape(x, [-1, axisSize(x.shape, -1)]) : x;
}

/** A projection's weight, [heads · width, inputs], as [heads, width, inputs]. */
function headWeights(parameters: ParameterLookup, name: string, x: Value): Value {
  const [inner, inputs] = [innerWidth(x), axisSize(x.shape, -1)];
  return reshape(lookupWithin(parameters, name)("weight", [inner, inputs]), [HEADS, inner / HEADS, inputs]);
}
