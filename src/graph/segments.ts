import { must } from "../common/index.js";
import { elementCount, type Value } from "./value.js";

const BYTES_OF_A_NUMBER = 4;
/** Sizes of segments that are tried, from all in one downwards, each this much smaller than the one before. */
const TRIED_SIZES = 24;
const SIZE_RATIO = 0.8;

/** Where the forward pass can be cut: bytes of each value, and the last position that reads it. */
interface Chain {
  readonly bytes: readonly number[];
  readonly lastUse: readonly number[];
}

/** Positions before which the chain is cut, and what that costs. */
interface Cuts {
  readonly starts: readonly number[];
  /** Bytes kept across cuts, and of the largest segment. */
  readonly kept: number;
  readonly largest: number;
}

/**
 * Cuts a forward pass into segments so that what crosses a cut and is therefore kept, together with the largest
 * segment, takes the least memory.
 *
 * @param values of the forward pass, operands before results
 * @returns the segment of each value, from 0
 */
export function cutIntoSegments(values: readonly Value[]): Map<Value, number> {
  const chain = chainOf(values);
  const total = chain.bytes.reduce((sum, each) => sum + each, 0);
  let best: Cuts = { starts: [0], kept: 0, largest: total };
  for (let attempt = 1; attempt <= TRIED_SIZES; attempt++) {
    const cuts = cheapestCuts(chain, total * SIZE_RATIO ** attempt);
    if (cuts !== undefined && cuts.kept + cuts.largest < best.kept + best.largest) best = cuts;
  }
  const starts = new Set(best.starts);
  let segment = -1;
  return new Map(
    values.map((value, position) => {
      if (starts.has(position)) segment++;
      return [value, Math.max(0, segment)];
    }),
  );
}

function chainOf(values: readonly Value[]): Chain {
  const positions = new Map(values.map((value, position) => [value, position]));
  const lastUse = values.map((_, position) => position);
  values.forEach(({ source }, position) => {
    if (source.kind !== "operation") return;
    for (const operand of source.inputs) {
      const at = positions.get(operand);
      if (at !== undefined) lastUse[at] = Math.max(must(lastUse, at), position);
    }
  });
  return { bytes: values.map(({ shape }) => BYTES_OF_A_NUMBER * elementCount(shape)), lastUse };
}

/** The cuts that keep the least while no segment holds more than `limit`; `undefined` when a single value does. */
function cheapestCuts({ bytes, lastUse }: Chain, limit: number): Cuts | undefined {
  const length = bytes.length;
  const cost = new Float64Array(length + 1).fill(Number.POSITIVE_INFINITY);
  const start = new Int32Array(length + 1);
  const held = new Float64Array(length + 1);
  cost[0] = 0;
  for (let end = 1; end <= length; end++) {
    let [kept, inside] = [0, 0];
    for (let from = end - 1; from >= 0 && inside <= limit; from--) {
      const size = bytes[from] ?? 0;
      if ((lastUse[from] ?? 0) >= end) kept += size;
      else inside += size;
      const total = (cost[from] ?? 0) + kept;
      if (inside <= limit && total < (cost[end] ?? 0)) {
        cost[end] = total;
        start[end] = from;
        held[end] = inside;
      }
    }
  }
  const kept = must(cost, length);
  if (!Number.isFinite(kept)) return undefined;
  const starts: number[] = [];
  let largest = 0;
  for (let end = length; end > 0; end = must(start, end)) {
    starts.unshift(must(start, end));
    largest = Math.max(largest, must(held, end));
  }
  return { starts, kept, largest };
}
