import { lowerComposition } from "../composition.js";
import { apply, defineOperation, requireFloat, shapeError, threeInputs } from "../operation.js";
import { axisSize, sameShape, type Value } from "../value.js";
import { multiply, scale, subtract } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { softmax } from "./reductions.js";
import { reshape, sum, transpose } from "./shapes.js";

export interface AttentionAttributes {
  readonly heads: number;
}

const attentionOperation = defineOperation<AttentionAttributes>({
  name: "multiHeadAttention",
  infer(inputs, { heads }) {
    const [queries, keys, values] = threeInputs("multiHeadAttention", inputs);
    requireFloat("multiHeadAttention", inputs);
    const width = axisSize(queries.shape, -1);
    if (queries.shape.length !== 3 || !sameShape(keys.shape, values.shape) || keys.shape.length !== 3) {
      throw shapeError("multiHeadAttention", inputs, "needs [B, N, width], and keys and values alike");
    }
    if (keys.shape[0] !== queries.shape[0] || axisSize(keys.shape, -1) !== width || width % heads !== 0) {
      throw shapeError("multiHeadAttention", inputs, `the width does not go into ${heads} heads`);
    }
    return { shape: queries.shape, dataType: "float32" };
  },
  lower(context, inputs, { attributes: { heads }, inputs: operands }) {
    // The CPU provider goes over keys in pieces that stay in its caches, so that the scores never exist at once.
    if (context.target === "cpu") {
      return context.node("MultiHeadAttention", inputs, { num_heads: heads }, "com.microsoft");
    }
    return lowerComposition(context, inputs, operands, (...own) => {
      const { values, weights } = weigh("multiHeadAttention", own, heads);
      return joinHeads(matmul(weights, values));
    });
  },
  gradient({ inputs, gradient, attributes: { heads } }) {
    const { queries, keys, values, weights, factor } = weigh("multiHeadAttention", inputs, heads);
    const own = splitHeads(gradient, heads);
    const forWeights = matmul(own, values, { transposeB: true });
    const spread = sum(multiply(forWeights, weights), [3], true);
    const forScores = scale(multiply(weights, subtract(forWeights, spread)), factor);
    return [
      joinHeads(matmul(forScores, keys)),
      joinHeads(matmul(forScores, queries, { transposeA: true })),
      joinHeads(matmul(weights, own, { transposeA: true })),
    ];
  },
});

/** Operands by head, [B, heads, N, head width], and how much each query looks at each key, [B, heads, N, N]. */
function weigh(name: string, operands: readonly Value[], heads: number) {
  const [queries, keys, values] = threeInputs(name, operands).map((operand) => splitHeads(operand, heads));
  if (queries === undefined || keys === undefined || values === undefined) {
    throw shapeError(name, operands, "needs three operands");
  }
  const factor = axisSize(queries.shape, -1) ** -0.5;
  const weights = softmax(matmul(scale(queries, factor), keys, { transposeB: true }), 3);
  return { queries, keys, values, weights, factor };
}

/** [B, N, heads · width] → [B, heads, N, width]. */
export function splitHeads(x: Value, heads: number): Value {
  const [batch = 1, length = 1, width = 1] = x.shape;
  return transpose(reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
}

/** [B, heads, N, width] → [B, N, heads · width]. */
export function joinHeads(x: Value): Value {
  const [batch = 1, heads = 1, length = 1, width = 1] = x.shape;
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * width]);
}

/**
 * Scaled dot-product attention of several heads (Vaswani et al., 2017), without projections.
 * @param queries [B, N, width]
 * @param keys [B, M, width]
 * @param values [B, M, width]
 * @returns [B, N, width]
 */
export function multiHeadAttention(queries: Value, keys: Value, values: Value, heads: number): Value {
  return apply(attentionOperation, [queries, keys, values], { heads });
}

export const attentionOperations = { multiHeadAttention: attentionOperation };
