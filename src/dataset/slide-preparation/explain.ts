import { basename } from "node:path";
import { EpSamError } from "../../common/index.js";
import type { SkippedInput } from "../preparation/options.js";
import { countLabels, type LabelCounts, SPLITS, type Split } from "../records.js";
import { missingLabel } from "../validate.js";
import type { SlideSettings } from "./options.js";
import type { PlannedSlide, SlidePlan } from "./plan.js";

/**
 * Says why when nothing, or nothing of one label, is left although there is a training split.
 * @throws EpSamError `dataset` with how many patches were left out for which reason, and what to change
 */
export function checkSlidePlan(
  out: string,
  plan: SlidePlan,
  skipped: readonly SkippedInput[],
  settings: SlideSettings,
): Record<Split, LabelCounts> {
  const rows = plan.slides.flatMap(({ patches }) => patches);
  const counts = countLabels(rows);
  const total = countLabels(rows.map((row) => ({ ...row, split: "train" as const }))).train;
  const missing = missingLabel(rows);
  // Corrections of one kind alone can be learnt from beside other data.
  const needsBoth = settings.unmarked === null && counts.train.positive + counts.train.negative > 0;
  if (rows.length === 0 || (missing !== null && needsBoth)) {
    throw new EpSamError("dataset", {
      where: out,
      what: rows.length === 0 ? "no patches are left" : `no ${missing} patches are left`,
      why: whatHappened(plan, skipped, total, settings).join("; "),
      action: whatToChange(plan, missing),
    });
  }
  return counts;
}

/** What is told of splits that lack a label. */
export function tellLackingLabels(plan: SlidePlan, settings: SlideSettings): string[] {
  if (settings.unmarked !== null) return [];
  const rows = plan.slides.flatMap(({ patches }) => patches);
  return SPLITS.flatMap((split, index) => {
    const own = rows.filter((row) => row.split === split);
    const absent = missingLabel(own);
    if (absent === null || (own.length === 0 && settings.split[index] === 0)) return [];
    const need = split === "test" ? "the test figures will lack them" : "training needs them";
    return [`The split "${split}" has no ${absent} patches: ${need}. ${splitAdvice(split, plan, settings)}`];
  });
}

/** A seed changes nothing where splits are told. */
function splitAdvice(split: Split, { splitsAreTold }: SlidePlan, { profile }: SlideSettings): string {
  if (profile !== null) return `The profile ${profile} decides which slides are in it: give more of those.`;
  if (splitsAreTold) return `The table says which slides are in it: give "${split}" more slides there.`;
  return "Try another `seed` or `split`.";
}

function whatHappened(
  { slides, discarded }: SlidePlan,
  skipped: readonly SkippedInput[],
  total: LabelCounts,
  settings: SlideSettings,
): string[] {
  const first = skipped[0];
  const example = first === undefined ? "" : `, for example ${basename(first.file)}: ${first.reason}`;
  const lattice = slides.reduce((sum, { examination }) => sum + examination.latticePatches, 0);
  const [low, high] = settings.positiveRange;
  const lines = [
    `${slides.length} slides used, ${skipped.length} skipped${example}`,
    `${lattice} patches on the lattice`,
    `${discarded.withoutTissue} left out with less than ${percent(settings.minimumTissue)} tissue`,
    ...(discarded.missingPixels === 0 ? [] : [`${discarded.missingPixels} with pixels that the file lacks`]),
    ...(discarded.notKnown === 0 ? [] : [`${discarded.notKnown} of which not everything is known`]),
    `${discarded.belowPositiveRange} with tumour below ${percent(low)}`,
    `${discarded.abovePositiveRange} above ${percent(high)}`,
    `${discarded.overLimit} over a limit`,
    `${total.positive} positive and ${total.negative} negative left`,
  ];
  const empty = slides.filter(({ examination }) => examination.tissueShare === 0).map(nameOf);
  if (empty.length > 0) lines.splice(1, 0, `no tissue found in ${empty.slice(0, 3).join(", ")}`);
  return lines;
}

function whatToChange({ slides, discarded }: SlidePlan, missing: string | null): string {
  if (slides.length === 0) return "Repair or replace the skipped slides.";
  const lattice = slides.reduce((sum, { examination }) => sum + examination.latticePatches, 0);
  if (discarded.withoutTissue === lattice) {
    return "Look at a slide with `epsam slide thumbnail`; for regions that are tissue altogether pass `tissue: all`.";
  }
  if (discarded.notKnown > 0 && discarded.notKnown + discarded.withoutTissue === lattice) {
    return "Outline what was looked at completely as Region*, or pass `unmarked: normal` if all of the slides was.";
  }
  if (missing === "negative") {
    return "Add slides with normal tissue, or try a smaller `patchSize`, a higher `negativeLimit` or `tissue: all`.";
  }
  return "Check that the annotations belong to these slides; try a smaller `patchSize` or a wider `positiveRange`.";
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

function nameOf({ file }: PlannedSlide): string {
  return basename(file.path);
}
