import { PRESENCE_SHARE, type WindowLabel } from "../dataset/index.js";
import type { FloatMap } from "../imaging/index.js";

/** What a map of logits says of a window, for any logit that separates tumour from other tissue. */
export interface JudgedWindow extends Pick<WindowLabel, "tumour" | "other"> {
  /** The window has tumour as long as the separating logit is below this. */
  readonly tumourBelow: number;
  /** It has other tissue from this separating logit on. */
  readonly otherFrom: number;
}

/** Judges windows of a patch by its logits: something is there when it takes more than its share of the window. */
export function judgeWindows(logits: FloatMap, windows: readonly WindowLabel[]): JudgedWindow[] {
  return windows
    .filter(({ tumour, other }) => tumour !== null || other !== null)
    .map(({ x, y, size, tumour, other }) => {
      const values = new Float32Array(size * size);
      for (let row = 0; row < size; row++) {
        const start = (y + row) * logits.width + x;
        values.set(logits.data.subarray(start, start + size), row * size);
      }
      values.sort();
      const needed = Math.floor(PRESENCE_SHARE * values.length) + 1;
      return {
        tumour,
        other,
        tumourBelow: values[values.length - needed] ?? 0,
        otherFrom: values[needed - 1] ?? 0,
      };
    });
}

/** A figure about one known label of a window. */
type LabelFigure = readonly [label: "tumour" | "other", presence: WindowLabel["tumour"], figure: number];

/**
 * The mean of the means over "has" and "has not" of both labels, as far as they occur, so that what is frequent does not
 * decide alone; 0 without any. What is not known takes no part.
 */
export function balancedMean(figures: Iterable<LabelFigure>): number {
  const groups = new Map<string, { sum: number; count: number }>();
  for (const [label, presence, figure] of figures) {
    if (presence === null) continue;
    const group = groups.get(`${label} ${presence}`) ?? { sum: 0, count: 0 };
    groups.set(`${label} ${presence}`, { sum: group.sum + figure, count: group.count + 1 });
  }
  const means = [...groups.values()].map(({ sum, count }) => sum / count);
  return means.reduce((total, mean) => total + mean, 0) / Math.max(1, means.length);
}

/** Mean share of right answers over "has" and "has not" of both labels, as far as they occur; 0 without any. */
export function balancedAccuracy(windows: readonly JudgedWindow[], offset: number): number {
  const right = (presence: WindowLabel["tumour"], isThere: boolean) => (isThere === (presence === 1) ? 1 : 0);
  return balancedMean(
    windows.flatMap(({ tumour, other, tumourBelow, otherFrom }): LabelFigure[] => [
      ["tumour", tumour, right(tumour, tumourBelow > offset)],
      ["other", other, right(other, otherFrom <= offset)],
    ]),
  );
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

/** Separating logits that are tried, those near 0 first, so that it takes a gain to go further. */
const OFFSETS = Array.from({ length: 121 }, (_, index) => (index - 60) / 20).sort(
  (a, b) => Math.abs(a) - Math.abs(b),
);

/** The separating logit of the lowest cost. */
export function cheapestOffset(costOf: (offset: number) => number): {
  readonly offset: number;
  readonly cost: number;
} {
  let best = { offset: 0, cost: costOf(0) };
  for (const offset of OFFSETS) {
    const cost = costOf(offset);
    if (cost < best.cost) best = { offset, cost };
  }
  return best;
}

/** The separating logit under which windows are told best, with how well. */
export function bestOffset(windows: readonly JudgedWindow[]): {
  readonly offset: number;
  readonly accuracy: number;
} {
  const { offset, cost } = cheapestOffset((candidate) => -balancedAccuracy(windows, candidate));
  return { offset, accuracy: -cost };
}
