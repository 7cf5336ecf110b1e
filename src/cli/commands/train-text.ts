import { signed } from "../../common/index.js";
import type { RetrainingComparison } from "../../run/index.js";

/** Figures that say most, in the order of tables. */
const SHOWN = ["dice", "meanIou", "precision", "recall"] as const;

/** What a round with corrections changed, in lines. */
export function describeComparison({ before, after, patches, figures }: RetrainingComparison): string[] {
  if (figures.length === 0) return ["No comparison: the test split has no pixel masks."];
  const lines = SHOWN.flatMap((name) => {
    const figure = figures.find((entry) => entry.name === name);
    if (figure === undefined || figure.before === null || figure.after === null) return [];
    const { difference } = figure;
    const change =
      difference === null
        ? ""
        : `  ${signed(difference.value)} (${signed(difference.low)} to ${signed(difference.high)})`;
    return [`  ${name.padEnd(10)} ${figure.before.toFixed(3)} to ${figure.after.toFixed(3)}${change}`];
  });
  return [`${after} beside ${before} on ${patches} test patches, differences with 95 % intervals:`, ...lines];
}
