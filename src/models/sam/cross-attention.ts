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
 * The same for one image and a few tokens, with half the arithmetic: what the image's pixels would be projected with is
 * multiplied into the tokens instead, so that pixels meet 8 rows a token where they met 128 in each projection. It costs
 * more than {@link projectedAttention} from 16 tokens on.
 */
export const foldedAttention: CrossAttention = {
  tokensToImage(parameters, { queries, keys, values }) {
    const inner = innerWidth(queries);
    const q = splitHeads(linear(lookupWithin(parameters, "q_proj"), queries, inner));
    // The keys' bias adds the same to every score of a query, which the softmax takes away again.
    const folded = matmul(scaled(q), headWeights(parameters, "k_proj", queries));
    const attention = softmax(matmul(allRows(folded), allRows(keys), { transposeB: true }), 1);
    const seen = matmul(attention, allRows(values));
    const perHead = reshape(seen, [HEADS, axisSize(queries.shape, 1), axisSize(values.shape, -1)]);
    const heads = matmul(perHead, headWeights(parameters, "v_proj", values), { transposeB: true });
    // Attention sums to one, so that the values' bias is added as it is.
    const bias = lookupWithin(parameters, "v_proj")("bias", [inner]);
    const attended = add(reshape(transpose(heads, [1, 0, 2]), [1, -1, inner]), bias);
    return linear(lookupWithin(parameters, "out_proj"), attended, axisSize(queries.shape, -1));
  },

  imageToTokens(parameters, { queries, keys, values }) {
    const width = axisSize(queries.shape, -1);
    const [inner, tokens, pixels] = [
      innerWidth(queries),
      axisSize(keys.shape, 1),
      axisSize(queries.shape, 1),
    ];
    const k = scaled(splitHeads(linear(lookupWithin(parameters, "k_proj"), keys, inner)));
    const v = splitHeads(linear(lookupWithin(parameters, "v_proj"), values, inner));
    const folded = matmul(k, headWeights(parameters, "q_proj", queries));
    const bias = reshape(lookupWithin(parameters, "q_proj")("bias", [inner]), [HEADS, inner / HEADS, 1]);
    const offsets = reshape(matmul(k, bias), [1, -1]);
    const scores = add(matmul(allRows(queries), allRows(folded), { transposeB: true }), offsets);
    const attention = softmax(reshape(scores, [pixels, HEADS, tokens]), 2);
    const output = lookupWithin(parameters, "out_proj");
    const byHead = reshape(output("weight", [width, inner]), [width, HEADS, inner / HEADS]);
    const told = matmul(v, transpose(byHead, [1, 2, 0]));
    const attended = matmul(reshape(attention, [pixels, HEADS * tokens]), allRows(told));
    return reshape(add(attended, output("bias", [width])), [1, pixels, width]);
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

/** [1, T, heads · width] → [heads, T, width]. */
function splitHeads(x: Value): Value {
  const [, length = 1, width = 1] = x.shape;
  return transpose(reshape(x, [length, HEADS, width / HEADS]), [1, 0, 2]);
}

/** A projection's weight, [heads · width, inputs], as [heads, width, inputs]. */
function headWeights(parameters: ParameterLookup, name: string, x: Value): Value {
  const [inner, inputs] = [innerWidth(x), axisSize(x.shape, -1)];
  return reshape(lookupWithin(parameters, name)("weight", [inner, inputs]), [HEADS, inner / HEADS, inputs]);
}

/** [stack, length, width] → [stack · length, width]. */
function allRows(x: Value): Value {
  return reshape(x, [-1, axisSize(x.shape, -1)]);
}
