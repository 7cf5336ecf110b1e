import { EpSamError, type RandomStream } from "../common/index.js";

/** A drawn item with the time of its exponential clock, which is its key in the reservoir. */
interface ReservoirItem {
  readonly index: number;
  readonly time: number;
}

/**
 * Draws `count` different indices, each draw with probability proportional to the weights of those left
 * (Efraimidis and Spirakis, 2006, algorithm A-ExpJ, with exponential clocks: the items whose clocks, of rates
 * equal to the weights, ring first). Takes few random numbers however long the list is.
 *
 * @returns the indices in the order of drawing.
 * @throws EpSamError `internal` when fewer than `count` weights are above zero.
 */
export function weightedSample(weights: ArrayLike<number>, count: number, stream: RandomStream): number[] {
  if (count === 0) return [];
  const reservoir: ReservoirItem[] = [];
  let last: ReservoirItem = { index: -1, time: 0 };
  let skip = 0;
  for (let index = 0; index < weights.length; index++) {
    const weight = weights[index] ?? 0;
    if (!(weight > 0)) continue;
    if (reservoir.length < count) {
      reservoir.push({ index, time: exponential(stream) / weight });
      if (reservoir.length < count) continue;
      last = latest(reservoir);
      skip = exponential(stream) / last.time;
      continue;
    }
    // The weight to pass until some clock rings before the reservoir's last one is itself exponential.
    skip -= weight;
    if (skip > 0) continue;
    const time = truncatedExponential(stream, weight, last.time);
    reservoir[reservoir.indexOf(last)] = { index, time };
    last = latest(reservoir);
    skip = exponential(stream) / last.time;
  }
  if (reservoir.length < count) {
    throw new EpSamError("internal", { what: `${count} of ${reservoir.length} items cannot be drawn` });
  }
  return reservoir.sort((a, b) => a.time - b.time).map(({ index }) => index);
}

function latest(reservoir: readonly ReservoirItem[]): ReservoirItem {
  return reservoir.reduce((a, b) => (b.time > a.time ? b : a));
}

/** A draw from the exponential distribution of rate 1. */
function exponential(stream: RandomStream): number {
  return -Math.log1p(-stream.uniform());
}

/** A draw from the exponential distribution of the given rate, below `limit`. */
function truncatedExponential(stream: RandomStream, rate: number, limit: number): number {
  return -Math.log1p(stream.uniform() * Math.expm1(-rate * limit)) / rate;
}
