import {
  add,
  axisSize,
  cast,
  concat,
  divide,
  exp,
  floats,
  gather,
  greater,
  input,
  log,
  maximum,
  multiply,
  negate,
  reshape,
  scale,
  softplus,
  subtract,
  sum,
  type Value,
} from "../../graph/index.js";

/**
 * How the logits of a window's cells become the window's: the mean of the highest share of them, their mean, or
 * log(mean(exp(r · x))) / r, which lies between the mean (r → 0) and the maximum (r → ∞).
 */
export type WindowPooling =
  | { readonly kind: "highest-share"; readonly share: number }
  | { readonly kind: "mean" }
  | { readonly kind: "log-sum-exp"; readonly sharpness: number };

/** Names of the inputs that say which cells a window has; W windows of at most P cells. */
export const windowInputs = {
  /** Positions in the flattened map of the batch, int64 [W, P]. */
  cells: "window-cells",
  /** 1 for a cell, 0 for padding, [W, P]. */
  isCell: "window-is-cell",
  /** How many of the highest cells count, [W, 1]. */
  highest: "window-highest",
  /** Whether the window has tumour, and whether it has anything else: 0 or 1, [W, 2]. */
  labels: "window-labels",
  /** Weight of each label; 0 where it is not known, [W, 2]. */
  weights: "window-weights",
} as const;

/** Logits of windows, [W, 2]: "has tumour" and "has something else". */
export interface PooledWindows {
  readonly logits: Value;
  /** Weighted binary cross-entropy of both labels, mean over those that are known. */
  readonly loss: Value;
}

/**
 * Multiple-instance pooling: what the cells of a window say together. The highest logits speak for tumour; the
 * lowest, negated, for something else.
 * @param map logits of tumour, [N, 1, H, W]
 * @param windows W, with at most P cells each
 */
export function poolWindows(
  map: Value,
  windows: { readonly count: number; readonly cells: number },
  pooling: WindowPooling,
): PooledWindows {
  const { count, cells } = windows;
  const positions = input(windowInputs.cells, [count, cells], "int64");
  const isCell = input(windowInputs.isCell, [count, cells]);
  const ofWindows = gather(map, positions);
  const highest = pooling.kind === "highest-share" ? input(windowInputs.highest, [count, 1]) : undefined;
  const pooled = [ofWindows, negate(ofWindows)].map((x) =>
    reshape(pool(x, { isCell, highest }, pooling), [count, 1]),
  );
  const logits = concat(pooled, 1);
  const labels = input(windowInputs.labels, [count, 2]);
  const weights = input(windowInputs.weights, [count, 2]);
  const errors = multiply(weights, subtract(softplus(logits), multiply(logits, labels)));
  // The smallest weight sum that matters is one label; without any, the loss is zero and not a division by zero.
  const loss = divide(sum(errors), add(sum(weights), floats(1e-6)));
  return { logits, loss };
}

/** [W, P] → [W]. */
function pool(x: Value, { isCell, highest }: PoolingInputs, pooling: WindowPooling): Value {
  if (highest !== undefined) return highestMean(x, isCell, highest);
  if (pooling.kind === "log-sum-exp") return logSumExp(x, isCell, pooling.sharpness);
  return divide(sum(multiply(x, isCell), [1]), sum(isCell, [1]));
}

interface PoolingInputs {
  readonly isCell: Value;
  /** There where the highest cells alone count. */
  readonly highest: Value | undefined;
}

/** Far below every logit, and still a number that float32 computes with exactly enough. */
const ABSENT = -1e9;

function withoutPadding(x: Value, isCell: Value): Value {
  return add(multiply(x, isCell), scale(subtract(floats(1), isCell), ABSENT));
}

function logSumExp(x: Value, isCell: Value, sharpness: number): Value {
  const sharp = scale(withoutPadding(x, isCell), sharpness);
  const top = maximum(sharp, [1]);
  const total = sum(multiply(exp(subtract(sharp, top)), isCell), [1], true);
  const pooled = add(log(divide(total, sum(isCell, [1], true))), top);
  return reshape(scale(pooled, 1 / sharpness), [axisSize(x.shape, 0)]);
}

/** Mean of the highest cells of each row: those that fewer others exceed than are to be taken. */
function highestMean(x: Value, isCell: Value, highest: Value): Value {
  const [windows = 0, cells = 0] = x.shape;
  const known = withoutPadding(x, isCell);
  const higher = greater(reshape(known, [windows, 1, cells]), reshape(known, [windows, cells, 1]));
  const rank = sum(cast(higher, "float32"), [2]);
  const chosen = multiply(cast(greater(highest, rank), "float32"), isCell);
  return divide(sum(multiply(x, chosen), [1]), sum(chosen, [1]));
}
