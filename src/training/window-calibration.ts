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

/** Mean share of right answers over "has" and "has not" of both labels, as far as they occur; 0 without any. */
export function balancedAccuracy(windows: readonly JudgedWindow[], offset: number): number {
  const counts = new Map<string, { right: number; all: number }>();
  for (const { tumour, other, tumourBelow, otherFrom } of windows) {
    for (const [name, label, present] of [
      ["tumour", tumour, tumourBelow > offset],
      ["other", other, otherFrom <= offset],
    ] as const) {
      if (label === null) continue;
      const count = counts.get(`${name} ${label}`) ?? { right: 0, all: 0 };
      count.all++;
      if (present === (label === 1)) count.right++;
      counts.set(`${name} ${label}`, count);
    }
  }
  const shares = [...counts.values()].map(({ right, all }) => right / all);
  return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length);
}

/** Separating logits that are tried, those near 0 first, so that it takes a gain to go further. */
const OFFSETS = Array.from({ length: 121 }, (_, index) => (index - 60) / 20).sort(
  (a, b) => Math.abs(a) - Math.abs(b),
);

/** The separating logit under which windows are told best, with how well. */
export function bestOffset(windows: readonly JudgedWindow[]): {
  readonly offset: number;
  readonly accuracy: number;
} {
  let best = { offset: 0, accuracy: balancedAccuracy(windows, 0) };
  for (const offset of OFFSETS) {
    const accuracy = balancedAccuracy(windows, offset);
    if (accuracy > best.accuracy) best = { offset, accuracy };
  }
  return best;
}
