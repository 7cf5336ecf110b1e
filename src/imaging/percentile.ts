import { EpSamError } from "../common/index.js";

/**
 * The `percent`-th percentile (0 to 100) by linear interpolation between order statistics, as NumPy's
 * `percentile` computes it by default.
 * @throws EpSamError `numerical` for no values, a NaN among them, or a percentage outside 0 to 100.
 */
export function percentile(values: ArrayLike<number>, percent: number): number {
  return percentileOfSorted(Float64Array.from(values).sort(), percent);
}

/** {@link percentile} of values already in ascending order. */
export function percentileOfSorted(sorted: Float64Array, percent: number): number {
  // A typed array sorts NaN to its end.
  if (sorted.length === 0 || Number.isNaN(sorted.at(-1)) || !(percent >= 0 && percent <= 100)) {
    throw new EpSamError("numerical", {
      what: `percentile ${percent} of ${sorted.length} values is not defined`,
      why: "it needs at least one value, no NaN, and a percentage from 0 to 100",
    });
  }
  const position = (sorted.length - 1) * (percent / 100);
  const index = Math.floor(position);
  const low = sorted[index] ?? 0;
  const high = sorted[Math.min(index + 1, sorted.length - 1)] ?? low;
  const fraction = position - index;
  return fraction < 0.5 ? low + (high - low) * fraction : high - (high - low) * (1 - fraction);
}
