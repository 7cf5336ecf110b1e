import type { RunComparison } from "../../contract/index.js";

/** What a figure is called, and what it says. */
interface FigureWords {
  readonly title: string;
  readonly meaning: string;
  readonly isBetterLower?: boolean;
}

const FIGURES: Readonly<Record<string, FigureWords>> = {
  positiveDice: { title: "Dice, tumour patches", meaning: "mean over the patches labelled tumour" },
  positiveIou: { title: "IoU, tumour patches", meaning: "the same, intersection over union" },
  pooledDice: { title: "Dice, pooled", meaning: "of all pixels of all patches together" },
  pooledIou: { title: "IoU, pooled", meaning: "the same, intersection over union" },
  meanIou: { title: "Mean IoU", meaning: "of tumour and of the rest, pooled" },
  precision: { title: "Precision", meaning: "share of what was found that is tumour" },
  recall: { title: "Recall", meaning: "share of the tumour that was found" },
  falsePositiveArea: {
    title: "False positive area",
    meaning: "share of normal patches that is called tumour; lower is better",
    isBetterLower: true,
  },
  pixelAccuracy: { title: "Pixel accuracy", meaning: "share of pixels that are right" },
  dice: { title: "Dice, all patches", meaning: "mean over patches, normal ones too" },
  iou: { title: "IoU, all patches", meaning: "the same, intersection over union" },
};

/** One figure for people; what is not known here is shown under its own name. */
export function figureWords(name: string): FigureWords {
  return FIGURES[name] ?? { title: name, meaning: "" };
}

export type Verdict = "better" | "worse" | "unclear";

type Figure = RunComparison["figures"][number];

/** What an interval shows: nothing where it holds 0. */
export function verdictOf({ name, difference }: Figure): Verdict {
  if (difference === null || (difference.low <= 0 && difference.high >= 0)) return "unclear";
  return difference.value > 0 === (figureWords(name).isBetterLower !== true) ? "better" : "worse";
}

/** The figures that say most first; those of an unknown name last. */
export function inOrder(figures: readonly Figure[]): Figure[] {
  const names = Object.keys(FIGURES);
  const place = ({ name }: Figure): number => (name in FIGURES ? names.indexOf(name) : names.length);
  return [...figures].sort((one, other) => place(one) - place(other));
}

/** What the figures together show, in a sentence. */
export function summaryOf(figures: readonly Figure[]): string {
  const titles = (verdict: Verdict) =>
    inOrder(figures)
      .filter((figure) => verdictOf(figure) === verdict)
      .map(({ name }) => figureWords(name).title.toLowerCase().replace("iou", "IoU"));
  const [better, worse] = [titles("better"), titles("worse")];
  if (better.length + worse.length === 0) {
    return "No figure is shown to have changed: every interval holds 0.";
  }
  const parts = [
    ...(better.length === 0 ? [] : [`Better: ${better.join(", ")}.`]),
    ...(worse.length === 0 ? [] : [`Worse: ${worse.join(", ")}.`]),
    ...(better.length + worse.length === figures.length
      ? []
      : ["For the others nothing is shown: their interval holds 0."]),
  ];
  return parts.join(" ");
}
