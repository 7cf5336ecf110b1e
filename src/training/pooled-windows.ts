import type { WindowLabel } from "../dataset/index.js";
import { balancedMean } from "./window-calibration.js";

/** What the head says of a patch's windows. */
export interface PooledWindow extends Pick<WindowLabel, "tumour" | "other"> {
  /** Logits of "has tumour" and "has something else". */
  readonly logits: readonly [number, number];
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

/** Mean share of right answers of both labels. */
export function windowAccuracy(windows: readonly PooledWindow[]): number {
  const right = (logit: number, presence: WindowLabel["tumour"]) => (logit > 0 === (presence === 1) ? 1 : 0);
  return balancedMean(
    windows.flatMap(({ tumour, other, logits: [hasTumour, hasOther] }) => [
      ["tumour", tumour, right(hasTumour, tumour)] as const,
      ["other", other, right(hasOther, other)] as const,
    ]),
  );
}
