import type { WindowLabel } from "../dataset/index.js";
import { cutArea, type FloatMap } from "../imaging/index.js";

/** What a map of logits says of a window. */
export interface PooledWindow extends Pick<WindowLabel, "tumour" | "other"> {
  /** Logits of "has tumour" and "has something else". */
  readonly logits: readonly [number, number];
}

/**
 * The share of a window's pixels that speak for "has tumour", and for "has something else", as for a classifier's
 * cells. The twentieth that the labels mean is what a map gets wrong at every outline.
 */
const POOLED_SHARE = 0.25;

/** Windows of a patch by its logits, of those of which something is known. */
export function poolWindows(logits: FloatMap, windows: readonly WindowLabel[]): PooledWindow[] {
  return windows
    .filter(({ tumour, other }) => tumour !== null || other !== null)
    .map(({ x, y, size, tumour, other }) => {
      const window = cutArea(logits, { left: x, top: y, width: size, height: size });
      const values = Float32Array.from(window.data).sort();
      const pooled = Math.floor(POOLED_SHARE * values.length);
      const [lowest = 0, highest = 0] = [values[pooled], values[values.length - 1 - pooled]];
      return { tumour, other, logits: [highest, -lowest] };
    });
}

/** A figure about one known label of a window. */
type LabelFigure = readonly [label: "tumour" | "other", presence: WindowLabel["tumour"], figure: number];

/**
 * The mean of the means over "has" and "has not" of both labels, so that what is frequent does not decide alone; 0
 * without any. What is not known takes no part. A label that is the same wherever it is known does not either, unless
 * both are: it would pull to one side.
 */
function balancedMean(figures: Iterable<LabelFigure>): number {
  const groups = { tumour: new Map<0 | 1, number[]>(), other: new Map<0 | 1, number[]>() };
  for (const [label, presence, figure] of figures) {
    if (presence === null) continue;
    const group = groups[label].get(presence) ?? [];
    group.push(figure);
    groups[label].set(presence, group);
  }
  const labels = Object.values(groups);
  const telling = labels.filter((kinds) => kinds.size === 2);
  const means = (telling.length > 0 ? telling : labels).flatMap((kinds) =>
    [...kinds.values()].map((values) => values.reduce((sum, value) => sum + value) / values.length),
  );
  return means.reduce((total, mean) => total + mean, 0) / Math.max(1, means.length);
}

/** Cross-entropy of the known labels when `offset` is taken from the map, all four kinds of window counting alike. */
export function windowLoss(windows: readonly PooledWindow[], offset: number): number {
  const error = (logit: number, presence: WindowLabel["tumour"]) =>
    Math.max(logit, 0) - logit * (presence ?? 0) + Math.log1p(Math.exp(-Math.abs(logit)));
  return balancedMean(
    windows.flatMap(({ tumour, other, logits: [hasTumour, hasOther] }) => [
      ["tumour", tumour, error(hasTumour - offset, tumour)] as const,
      ["other", other, error(hasOther + offset, other)] as const,
    ]),
  );
}

/** Mean share of right answers of both labels when `offset` is taken from the map, all kinds of window counting alike. */
export function windowAccuracy(windows: readonly PooledWindow[], offset: number): number {
  const right = (logit: number, presence: WindowLabel["tumour"]) => (logit > 0 === (presence === 1) ? 1 : 0);
  return balancedMean(
    windows.flatMap(({ tumour, other, logits: [hasTumour, hasOther] }) => [
      ["tumour", tumour, right(hasTumour - offset, tumour)] as const,
      ["other", other, right(hasOther + offset, other)] as const,
    ]),
  );
}

/** Separating logits that are tried, those near 0 first, so that it takes a gain to go further. */
const OFFSETS = Array.from({ length: 121 }, (_, index) => (index - 60) / 20).sort(
  (a, b) => Math.abs(a) - Math.abs(b),
);

/** The separating logit under which the windows' labels are likeliest. */
export function likeliestOffset(windows: readonly PooledWindow[]): number {
  let best = { offset: 0, loss: windowLoss(windows, 0) };
  for (const offset of OFFSETS) {
    const loss = windowLoss(windows, offset);
    if (loss < best.loss) best = { offset, loss };
  }
  return best.offset;
}

/** Slides that the offset of others can be told from: those of one slide say nothing of another's. */
const LEAST_SLIDES = 3;

/**
 * Why the separating logit is not chosen by the windows of these patches but stays 0; null where it can be.
 * @param patches of validation
 */
export function whyUncalibrated(patches: readonly { readonly slide: string }[]): string | null {
  const slides = new Set(patches.map(({ slide }) => slide)).size;
  if (slides >= LEAST_SLIDES) return null;
  const of = slides === 1 ? "one slide" : `${slides} slides`;
  return `the validation windows are of ${of}, which tell no other's: the logit that separates tumour stays 0`;
}
