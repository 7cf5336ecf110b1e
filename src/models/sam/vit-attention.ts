import {
  add,
  axisSize,
  concat,
  matmul,
  reshape,
  scale,
  slice,
  softmax,
  type Value,
} from "../../graph/index.js";
import type { ParameterLookup } from "../../nn/index.js";
import { linear, lookupWithin } from "../../nn/index.js";
import { type PositionBias, positionBias } from "./vit-relative-positions.js";

/** Scores that are held at once, in elements: 8 MB stay near a core's cache, all of ViT-B's would take 0.8 GB. */
const SCORES_AT_ONCE = 2 ** 21;

/**
 * Multi-head self-attention with decomposed relative positions over squares of tokens (segment-anything's
 * `Attention`). Heads, and stretches of query rows, follow one another so that few scores exist at a time.
 * @param x squares [W, n, n, width]
 * @param lengths rows of the tables `rel_pos_h` and `rel_pos_w`
 * @returns what the heads attend to, [W, n, n, width], before the projection `proj`
 */
export function attendWithPositions(
  parameters: ParameterLookup,
  x: Value,
  { heads, lengths }: { readonly heads: number; readonly lengths: readonly [number, number] },
): Value {
  const headWidth = axisSize(x.shape, 3) / heads;
  const tables = {
    rows: parameters("rel_pos_h", [lengths[0], headWidth]),
    columns: parameters("rel_pos_w", [lengths[1], headWidth]),
  };
  const { queries, keys, values } = projectHeads(parameters, x, heads);
  const attended = Array.from({ length: heads }, (_, head) => {
    const own = (of: Value) =>
      reshape(slice(of, [{ axis: 0, start: head, end: head + 1 }]), of.shape.slice(1));
    const [q, k, v] = [own(queries), own(keys), own(values)];
    return attendInStretches(q, k, v, positionBias(q, tables));
  });
  return concat(attended, 3);
}

/** Queries, keys and values of each head, each [heads, W, n, n, head width]; the keys carry the scale. */
function projectHeads(parameters: ParameterLookup, x: Value, heads: number) {
  const [windows = 1, side = 1, , width = 1] = x.shape;
  const headWidth = width / heads;
  const weight = parameters("qkv.weight", [3 * width, width]);
  const bias = parameters("qkv.bias", [3 * width]);
  const tokens = reshape(x, [1, windows * side * side, width]);
  // A product for each head gives the heads' layout at once; what is done to the weights alone is folded.
  const project = (index: number, factor = 1): Value => {
    const part = (of: Value) => slice(of, [{ axis: 0, start: index * width, end: (index + 1) * width }]);
    const scaled = (of: Value) => (factor === 1 ? of : scale(of, factor));
    const matrices = reshape(scaled(part(weight)), [heads, headWidth, width]);
    const shifts = reshape(scaled(part(bias)), [heads, 1, headWidth]);
    const projected = add(matmul(tokens, matrices, { transposeB: true }), shifts);
    return reshape(projected, [heads, windows, side, side, headWidth]);
  };
  return { queries: project(0), keys: project(1, headWidth ** -0.5), values: project(2) };
}

/** Attention of one head, [W, n, n, head width], over as many query rows at a time as the limit on scores allows. */
function attendInStretches(queries: Value, keys: Value, values: Value, bias: PositionBias): Value {
  const [windows = 1, side = 1, , headWidth = 1] = queries.shape;
  const rowsAtOnce = Math.max(1, Math.min(side, Math.floor(SCORES_AT_ONCE / (windows * side ** 3))));
  const flat = (of: Value) => reshape(of, [windows, side * side, headWidth]);
  const [flatKeys, flatValues] = [flat(keys), flat(values)];
  const stretches: Value[] = [];
  for (let start = 0; start < side; start += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, side - start);
    const stretch = (of: Value) => slice(of, [{ axis: 1, start, end: start + rows }]);
    const count = rows * side;
    const scores = matmul(reshape(stretch(queries), [windows, count, headWidth]), flatKeys, {
      transposeB: true,
    });
    const located = add(
      add(
        reshape(scores, [windows, count, side, side]),
        reshape(stretch(bias.rows), [windows, count, side, 1]),
      ),
      reshape(stretch(bias.columns), [windows, count, 1, side]),
    );
    const weights = softmax(reshape(located, [windows, count, side * side]), 2);
    stretches.push(reshape(matmul(weights, flatValues), [windows, rows, side, headWidth]));
  }
  return concat(stretches, 1);
}

/** The heads' results joined by the layer `proj`. */
export function projectAttended(parameters: ParameterLookup, attended: Value): Value {
  return linear(lookupWithin(parameters, "proj"), attended, axisSize(attended.shape, -1));
}
