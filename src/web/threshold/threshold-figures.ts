import type { Thresholds, ThresholdTruth } from "../../contract/index.js";

/** The threshold at which `epsam infer` makes its masks: grey levels above one half. */
export const USUAL_THRESHOLD = 128;

/** The probability that a grey level stands for, in two digits. */
export function probabilityText(threshold: number): string {
  return (threshold / 255).toFixed(2);
}

/** How what a threshold calls tumour agrees with what is known; null where nothing is there to be divided by. */
export interface Agreement extends Pick<ThresholdTruth, "kind" | "origin"> {
  readonly dice: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  /** Level-0 pixels of which it is known whether they are tumour. */
  readonly knownPixels: number;
}

/** What a map calls tumour at a threshold. */
export interface ThresholdFigure {
  /** Area in level-0 pixels. */
  readonly level0Pixels: number;
  readonly foci: number;
  readonly agreements: readonly Agreement[];
}

/** The figures at a threshold from 0 to 255. */
export function figureAt(
  { downsample, pixels, foci, truths }: Thresholds,
  threshold: number,
): ThresholdFigure {
  const pixel = downsample ** 2;
  return {
    level0Pixels: (pixels[threshold] ?? 0) * pixel,
    foci: foci[threshold] ?? 0,
    agreements: truths.map(({ kind, origin, tumour, other }) => {
      const [truePositive, falsePositive] = [tumour[threshold] ?? 0, other[threshold] ?? 0];
      const [positives, negatives] = [tumour[0] ?? 0, other[0] ?? 0];
      const predicted = truePositive + falsePositive;
      return {
        kind,
        origin,
        dice: share(2 * truePositive, predicted + positives),
        precision: share(truePositive, predicted),
        recall: share(truePositive, positives),
        knownPixels: (positives + negatives) * pixel,
      };
    }),
  };
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
