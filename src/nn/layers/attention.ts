import { axisSize, joinHeads, matmul, scale, softmax, splitHeads, type Value } from "../../graph/index.js";
import { lookupWithin, type ParameterLookup } from "../parameters.js";
import { linear } from "./linear.js";

/** What attends to what: each [B, length, width]; keys and values have one length. */
export interface AttentionInputs {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
}

export interface AttentionOptions {
  readonly heads: number;
  /** Width of the projections, a multiple of `heads`. */
  readonly innerWidth: number;
}

/**
 * Multi-head scaled dot-product attention (Vaswani et al., 2017) with projections `q_proj`, `k_proj`, `v_proj`
 * and `out_proj`, as in segment-anything.
 * @returns [B, number of queries, width]
 */
export function attention(
  parameters: ParameterLookup,
  { queries, keys, values }: AttentionInputs,
  { heads, innerWidth }: AttentionOptions,
): Value {
  const factor = 1 / Math.sqrt(innerWidth / heads);
  const project = (name: string, x: Value) => linear(lookupWithin(parameters, name), x, innerWidth);
  const q = project("q_proj", queries);
  const k = project("k_proj", keys);
  // Scaling the shorter of both is cheaper than scaling the scores.
  const scaleQueries = axisSize(q.shape, 1) <= axisSize(k.shape, 1);
  const scores = matmul(
    splitHeads(scaleQueries ? scale(q, factor) : q, heads),
    splitHeads(scaleQueries ? k : scale(k, factor), heads),
    { transposeB: true },
  );
  const attended = matmul(softmax(scores, 3), splitHeads(project("v_proj", values), heads));
  return linear(lookupWithin(parameters, "out_proj"), joinHeads(attended), axisSize(queries.shape, -1));
}
