import {
  axisSize,
  constant,
  floatTensor,
  matmul,
  reshape,
  transpose,
  type Value,
} from "../../graph/index.js";

/**
 * The matrix [n², length] that takes a table of relative positions to one row for each pair of query and key
 * along an axis of n tokens; row i·n + j belongs to the distance i − j. A table of another length than 2n − 1 is
 * interpolated linearly with half-pixel centres, as PyTorch's `interpolate(mode="linear")` does (segment-anything's
 * `get_rel_pos`).
 */
export function relativePositionMatrix(side: number, length: number): Float32Array {
  const distances = 2 * side - 1;
  const matrix = new Float32Array(side * side * length);
  for (let query = 0; query < side; query++) {
    for (let key = 0; key < side; key++) {
      const row = (query * side + key) * length;
      const distance = query - key + side - 1;
      const place = Math.max(0, ((distance + 0.5) * length) / distances - 0.5);
      const below = Math.min(Math.floor(place), length - 1);
      const above = Math.min(below + 1, length - 1);
      matrix[row + below] = (matrix[row + below] ?? 0) + 1 - (place - below);
      matrix[row + above] = (matrix[row + above] ?? 0) + place - below;
    }
  }
  return matrix;
}

/** Positions along one axis, [n, n, head width]: entry [i, j] belongs to query i and key j. */
function positionsOf(table: Value, side: number): Value {
  const length = axisSize(table.shape, 0);
  const pairs = constant(floatTensor([side * side, length], relativePositionMatrix(side, length)));
  return reshape(matmul(pairs, table), [side, side, axisSize(table.shape, 1)]);
}

/** What decomposed relative positions add to the scores of a square of n×n tokens. */
export interface PositionBias {
  /** For each query and each row of keys, [W, n, n, n]. */
  readonly rows: Value;
  /** For each query and each column of keys, [W, n, n, n]. */
  readonly columns: Value;
}

/**
 * Decomposed relative positions (Li et al., 2022, "MViTv2", section 4.1): the score of query (i, j) and key (k, l)
 * grows by q · R_h[i − k] + q · R_w[j − l].
 * @param queries unscaled, [W, n, n, head width]
 */
export function positionBias(
  queries: Value,
  tables: { readonly rows: Value; readonly columns: Value },
): PositionBias {
  const side = axisSize(queries.shape, 1);
  const rows = matmul(queries, positionsOf(tables.rows, side), { transposeB: true });
  const byColumn = transpose(queries, [0, 2, 1, 3]);
  const columns = matmul(byColumn, positionsOf(tables.columns, side), { transposeB: true });
  return { rows, columns: transpose(columns, [0, 2, 1, 3]) };
}
