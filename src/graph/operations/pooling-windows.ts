import { must } from "../../common/index.js";
import type { LoweringContext } from "../lowering.js";
import { positiveNode } from "./positive.js";

/** A square window; outside the image counts as minus infinity. */
export interface PoolingAttributes {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

type FourSizes = readonly [batch: number, channels: number, height: number, width: number];

/** Below every number that an image holds, and not so far that differences overflow. */
const LOWEST = -1e38;

/** A position in the window, and 1 for each window whose maximum it holds first, else 0: [N, C, oh, ow]. */
export interface ChosenPosition {
  readonly row: number;
  readonly column: number;
  readonly chosen: string;
}

/**
 * Where the windows of max pooling have their maxima, by comparing views of the image that are shifted by each
 * position: what devices without positions from the pooling itself can do. Equal elements count once, the first.
 * @param x the name of the image, `y` that of its maxima
 */
export function chosenPositions(
  context: LoweringContext,
  { x, y, xShape, yShape }: { x: string; y: string; xShape: FourSizes; yShape: FourSizes },
  { kernel, stride, padding }: PoolingAttributes,
): ChosenPosition[] {
  const [, , height, width] = xShape;
  const [, , outHeight, outWidth] = yShape;
  const padded = (length: number, out: number) => Math.max(0, (out - 1) * stride + kernel - length - padding);
  const amounts = [0, 0, padding, padding, 0, 0, padded(height, outHeight), padded(width, outWidth)];
  const image = amounts.every((amount) => amount === 0)
    ? x
    : context.node("Pad", [x, context.integers(amounts), context.scalar(LOWEST)], { mode: "constant" });
  const positions: ChosenPosition[] = [];
  let free: string | undefined;
  for (let row = 0; row < kernel; row++) {
    for (let column = 0; column < kernel; column++) {
      const view = context.node("Slice", [
        image,
        context.integers([row, column]),
        context.integers([row + (outHeight - 1) * stride + 1, column + (outWidth - 1) * stride + 1]),
        context.integers([2, 3]),
        context.integers([stride, stride]),
      ]);
      // In floats, because truth values in a GPU's memory cannot be rearranged there.
      const isLess = positiveNode(context, context.node("Sub", [y, view]));
      const equal = context.node("Sub", [context.scalar(1), isLess]);
      const chosen: string = free === undefined ? equal : context.node("Mul", [equal, free]);
      free = context.node("Sub", [free ?? context.scalar(1), chosen]);
      positions.push({ row, column, chosen });
    }
  }
  return positions;
}

/**
 * Adds what each window gives to its positions up into an image: the transpose of taking shifted views.
 * @param given for each position a result [N, C, oh, ow]
 */
export function addToPositions(
  context: LoweringContext,
  given: readonly { readonly row: number; readonly column: number; readonly value: string }[],
  { xShape, yShape }: { xShape: FourSizes; yShape: FourSizes },
  { kernel, stride, padding }: PoolingAttributes,
): string {
  const [batch, channels, height, width] = xShape;
  const [, , outHeight, outWidth] = yShape;
  const shifts = Math.floor((kernel - 1) / stride);
  const [rows, columns] = [outHeight + shifts, outWidth + shifts];
  /** The sum of the positions with these remainders by the stride, which meet every stride-th pixel. */
  const remainderSum = (rowRemainder: number, columnRemainder: number): string => {
    let total: string | undefined;
    for (const { row, column, value } of given) {
      if (row % stride !== rowRemainder || column % stride !== columnRemainder) continue;
      const [top, left] = [Math.floor(row / stride), Math.floor(column / stride)];
      const amounts = [0, 0, top, left, 0, 0, shifts - top, shifts - left];
      const placed = shifts === 0 ? value : context.node("Pad", [value, context.integers(amounts)]);
      total = total === undefined ? placed : context.node("Add", [total, placed]);
    }
    const shape = context.integers([batch, channels, rows, columns]);
    return total ?? context.node("Expand", [context.scalar(0), shape]);
  };
  const remainders = Array.from({ length: stride }, (_, remainder) => remainder);
  const interleavedColumns = remainders.map((row) => {
    const parts = remainders.map((column) =>
      context.reshape(remainderSum(row, column), [batch, channels, rows, 1, columns, 1]),
    );
    return joined(context, parts, 5);
  });
  const interleaved = joined(context, interleavedColumns, 3);
  const [fullHeight, fullWidth] = [rows * stride, columns * stride];
  const full = context.reshape(interleaved, [batch, channels, fullHeight, fullWidth]);
  const [bottom, right] = [Math.min(fullHeight, padding + height), Math.min(fullWidth, padding + width)];
  const inner = context.node("Slice", [
    full,
    context.integers([padding, padding]),
    context.integers([bottom, right]),
    context.integers([2, 3]),
  ]);
  const missing = [padding + height - bottom, padding + width - right];
  if (missing.every((amount) => amount === 0)) return inner;
  return context.node("Pad", [inner, context.integers([0, 0, 0, 0, 0, 0, ...missing])]);
}

function joined(context: LoweringContext, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? must(parts, 0) : context.node("Concat", parts, { axis });
}
