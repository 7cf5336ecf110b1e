import type { PositionRule } from "./vision-transformer.js";

/** Weights of a few neighbours along one axis. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** What the original DINOv2 adds to the wanted side before it computes the scale. */
const DINOV2_OFFSET = 0.1;

/**
 * Positions learnt for a square grid brought to another grid, as PyTorch's `interpolate` does under a rule:
 * - `antialiased`: timm's `resample_abs_pos_embed` and DINOv2 with registers; bicubic with Keys' a = −1/2, widened when
 *   the grid shrinks.
 * - `bicubic`: transformers without registers; a = −3/4, never widened.
 * - `bicubic-offset`: the original DINOv2 without registers: so, but with the scale of a grid larger by 0.1.
 * On a square grid as large as the learnt one they stay as they are.
 * @param positions [side · side, width], row-major
 * @returns [rows · columns, width]
 */
export function resampledPositions(
  positions: Float32Array,
  side: number,
  { rows, columns }: { readonly rows: number; readonly columns: number },
  rule: PositionRule,
): Float32Array {
  if (rows === side && columns === side) return positions;
  const width = positions.length / (side * side);
  const across = tapsOf(side, columns, rule);
  const down = tapsOf(side, rows, rule);
  const narrowed = new Float64Array(side * columns * width);
  for (let row = 0; row < side; row++) {
    across.forEach(({ first, weights }, column) => {
      const target = (row * columns + column) * width;
      weights.forEach((weight, tap) => {
        const source = (row * side + clamped(first + tap, side)) * width;
        for (let at = 0; at < width; at++) {
          narrowed[target + at] = (narrowed[target + at] ?? 0) + weight * (positions[source + at] ?? 0);
        }
      });
    });
  }
  const result = new Float64Array(rows * columns * width);
  const line = columns * width;
  down.forEach(({ first, weights }, row) => {
    weights.forEach((weight, tap) => {
      const source = clamped(first + tap, side) * line;
      for (let at = 0; at < line; at++) {
        result[row * line + at] = (result[row * line + at] ?? 0) + weight * (narrowed[source + at] ?? 0);
      }
    });
  });
  return Float32Array.from(result);
}

function clamped(index: number, length: number): number {
  return Math.min(length - 1, Math.max(0, index));
}

function tapsOf(from: number, to: number, rule: PositionRule): Taps[] {
  const indices = Array.from({ length: to }, (_, index) => index);
  if (rule === "antialiased") return indices.map((index) => widenedTaps(index, from, from / to));
  const scale = rule === "bicubic" ? from / to : from / (to + DINOV2_OFFSET);
  return indices.map((index) => {
    const centre = scale * (index + 0.5) - 0.5;
    const first = Math.floor(centre) - 1;
    return { first, weights: [0, 1, 2, 3].map((tap) => keys(centre - (first + tap), -0.75)) };
  });
}

/** Taps that reach as far as a target cell is wide; beyond the border there are none, and the rest sum to 1. */
function widenedTaps(index: number, from: number, scale: number): Taps {
  const stretch = Math.max(1, scale);
  const centre = scale * (index + 0.5);
  const first = Math.max(0, Math.trunc(centre - 2 * stretch + 0.5));
  const end = Math.min(from, Math.trunc(centre + 2 * stretch + 0.5));
  const weights = Array.from({ length: end - first }, (_, tap) =>
    keys((first + tap + 0.5 - centre) / stretch, -0.5),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return { first, weights: weights.map((weight) => weight / total) };
}

/** Keys' cubic kernel (Keys, 1981, "Cubic convolution interpolation for digital image processing"). */
function keys(at: number, a: number): number {
  const x = Math.abs(at);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
