import { RandomStream } from "../../common/index.js";
import type { PatchLabel, Split } from "../records.js";
import { labelOfWindows, type WindowLabel } from "../window-labels.js";
import type { DiscardedPatches, PreparationSettings } from "./options.js";

/** The paper samples positives evenly over bins of 5 % tumour. */
const BIN_COUNT = 20;

/** What selection needs to know of a patch. */
export interface Candidate {
  /** Tumour fraction in [0, 1], or null when the label is known without a mask. */
  readonly fraction: number | null;
}

/** What a patch of this tumour fraction is used for. */
export type PatchVerdict = PatchLabel | "belowPositiveRange" | "abovePositiveRange";

/** Positive inside the positive range, negative up to the negative limit, else unsuitable (paper, section on data). */
export function judgeFraction(
  fraction: number,
  settings: Pick<PreparationSettings, "positiveRange" | "negativeLimit">,
): PatchVerdict {
  const [lowest, highest] = settings.positiveRange;
  if (fraction <= settings.negativeLimit) return 0;
  if (fraction < lowest) return "belowPositiveRange";
  return fraction > highest ? "abovePositiveRange" : 1;
}

/** The 5 %-wide bin of a tumour fraction, 0 to 19; a full patch belongs to the last. */
export function fractionBin(fraction: number): number {
  // The small addend keeps a fraction such as 0.15 from landing below its bin by rounding.
  return Math.min(BIN_COUNT - 1, Math.floor(fraction * BIN_COUNT + 1e-9));
}

/**
 * At most `limit` items, as evenly over bins as their contents allow: one of each bin in turn, in random order.
 * The items chosen keep their order.
 */
export function sampleEvenly<T>(
  items: readonly T[],
  limit: number,
  binOf: (item: T) => number,
  random: RandomStream,
): T[] {
  if (items.length <= limit) return [...items];
  const bins = new Map<number, number[]>();
  for (const [index, item] of items.entries()) {
    const bin = bins.get(binOf(item));
    if (bin === undefined) bins.set(binOf(item), [index]);
    else bin.push(index);
  }
  const sortedBins = [...bins].sort(([a], [b]) => a - b).map(([, indices]) => random.shuffled(indices));
  const queues = random.shuffled(sortedBins);
  const chosen: number[] = [];
  for (let round = 0; chosen.length < limit; round++) {
    const turn = queues.map((queue) => queue[round]).filter((index) => index !== undefined);
    chosen.push(...turn.slice(0, limit - chosen.length));
  }
  return chosen
    .sort((a, b) => a - b)
    .map((index) => items[index])
    .filter((item) => item !== undefined);
}

/** What selection needs to know of the settings. */
export interface PatchSelection
  extends Pick<
    PreparationSettings,
    "positiveRange" | "negativeLimit" | "maxPositives" | "maxNegatives" | "evaluationPatches" | "seed"
  > {
  /** Most positive patches of one bin of the tumour fraction. Default: no limit. */
  readonly maxPositivesPerBin?: number | null | undefined;
}

export interface Selection<T> {
  readonly chosen: readonly (T & { readonly label: PatchLabel })[];
  readonly discarded: DiscardedPatches;
}

/** A patch whose mask is known: its label follows from the tumour fraction, or from its windows where it has some. */
interface LabelledByMask {
  readonly fraction: number;
  readonly windows?: readonly WindowLabel[] | undefined;
}

/**
 * Labels the lattice patches of one split by their tumour fraction and draws at most `maxPositives` and
 * `maxNegatives` of them. With `evaluationPatches: "all"`, every patch of `val` and `test` is kept and is positive
 * when it has any foreground beyond the negative limit.
 */
export function selectPatches<T extends LabelledByMask>(
  candidates: readonly T[],
  split: Split,
  settings: PatchSelection,
): Selection<T> {
  const keepAll = split !== "train" && settings.evaluationPatches === "all";
  const counts = { belowPositiveRange: 0, abovePositiveRange: 0 };
  const labelled: (T & { readonly label: PatchLabel })[] = [];
  for (const candidate of candidates) {
    const verdict =
      candidate.windows === undefined
        ? judgeFraction(candidate.fraction, settings)
        : labelOfWindows(candidate.windows);
    if (verdict === 0 || verdict === 1) labelled.push({ ...candidate, label: verdict });
    else if (keepAll) labelled.push({ ...candidate, label: 1 });
    else counts[verdict] += 1;
  }
  const chosen = keepAll ? labelled : limitLabels(labelled, split, settings);
  return { chosen, discarded: { ...counts, overLimit: labelled.length - chosen.length } };
}

/** At most `maxPositives` and `maxNegatives` of the labelled patches of one split, positives first. */
export function limitLabels<T extends Candidate & { readonly label: PatchLabel }>(
  patches: readonly T[],
  split: Split,
  settings: Pick<PatchSelection, "maxPositives" | "maxNegatives" | "maxPositivesPerBin" | "seed">,
): T[] {
  const binOf = (patch: T): number => fractionBin(patch.fraction ?? 0);
  const limits = [
    { label: 1, name: "positive patches", limit: settings.maxPositives },
    { label: 0, name: "negative patches", limit: settings.maxNegatives },
  ];
  return limits.flatMap(({ label, name, limit }) => {
    const all = patches.filter((patch) => patch.label === label);
    const perBin = label === 1 ? (settings.maxPositivesPerBin ?? null) : null;
    const ofLabel = perBin === null ? all : limitBins(all, perBin, binOf, settings.seed, split);
    const random = new RandomStream(settings.seed, name, split);
    return sampleEvenly(ofLabel, limit ?? ofLabel.length, binOf, random);
  });
}

/** At most `perBin` items of each bin, drawn by the seed, in their order. */
function limitBins<T>(
  items: readonly T[],
  perBin: number,
  binOf: (item: T) => number,
  seed: number,
  split: Split,
): T[] {
  return Array.from({ length: BIN_COUNT }, (_, bin) => {
    const inBin = items.filter((item) => binOf(item) === bin);
    const random = new RandomStream(seed, "positive patches of a bin", split, bin);
    return sampleEvenly(inBin, perBin, binOf, random);
  }).flat();
}

/** Sums of discarded patches. */
export function addDiscarded(parts: readonly DiscardedPatches[]): DiscardedPatches {
  const sum = (of: (part: DiscardedPatches) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  return {
    belowPositiveRange: sum((part) => part.belowPositiveRange),
    abovePositiveRange: sum((part) => part.abovePositiveRange),
    overLimit: sum((part) => part.overLimit),
  };
}
