import { EpSamError, type RandomStream } from "../common/index.js";

/** The indices 0 … count − 1 in random order. */
export function epochOrder(count: number, stream: RandomStream): number[] {
  return stream.shuffled(indices(count));
}

/**
 * A class-balanced epoch of the usual length: as many positives as negatives, in random order. The larger class
 * is drawn without repetition; the smaller one is gone through as often as needed, each pass in a new order, so
 * that no index comes up more than once more often than another of its class.
 * @param labels 0 or 1 per sample.
 * @returns `2 · ceil(labels.length / 2)` indices, possibly repeated.
 * @throws EpSamError `dataset` when a class has no sample.
 */
export function balancedOrder(labels: readonly number[], stream: RandomStream): number[] {
  const half = Math.ceil(labels.length / 2);
  const chosen = [0, 1].flatMap((label) => {
    const members = indices(labels.length).filter((index) => labels[index] === label);
    if (members.length === 0) throw missingClass(label);
    return repeatedShuffle(members, half, stream);
  });
  return stream.shuffled(chosen);
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function repeatedShuffle(members: readonly number[], count: number, stream: RandomStream): number[] {
  const drawn: number[] = [];
  while (drawn.length < count) drawn.push(...stream.shuffled(members).slice(0, count - drawn.length));
  return drawn;
}

function missingClass(label: number): EpSamError {
  const name = label === 1 ? "positive" : "negative";
  return new EpSamError("dataset", {
    what: `there is no ${name} patch to balance the classes with`,
    action: `Add ${name} patches to the training split, or train without class balancing.`,
  });
}
