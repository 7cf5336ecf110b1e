import { EpSamError, RandomStream } from "../common/index.js";
import { percentile } from "../imaging/index.js";

/** A figure and its 95 % bootstrap confidence interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  readonly seed: number;
  /** How many resamples are drawn, 1000 for example. */
  readonly resamples: number;
}

/** What a resample draws: whole groups, or single patches. */
export type ResamplingUnit = "group" | "patch";

/** The patches arranged in the units that a resample draws together. */
export interface ResamplingPlan<T> {
  readonly unit: ResamplingUnit;
  readonly units: readonly (readonly T[])[];
}

/**
 * Arranges patches for resampling: patches of one slide or image are not independent, so they are drawn
 * together when groups are named. With fewer than two groups there is nothing to draw between, and single
 * patches are drawn instead.
 */
export function planResampling<T extends { readonly group?: string | undefined }>(
  patches: readonly T[],
): ResamplingPlan<T> {
  const groups = new Map<string, T[]>();
  const ungrouped: T[][] = [];
  for (const patch of patches) {
    const members = patch.group === undefined ? undefined : groups.get(patch.group);
    if (members !== undefined) members.push(patch);
    else if (patch.group === undefined) ungrouped.push([patch]);
    else groups.set(patch.group, [patch]);
  }
  const units = [...groups.values(), ...ungrouped];
  if (groups.size === 0 || units.length < 2) return { unit: "patch", units: patches.map((patch) => [patch]) };
  return { unit: "group", units };
}

/**
 * Percentile bootstrap of several figures at once: draws as many units as there are, with replacement, and
 * computes every figure from how often each unit was drawn. The point estimate draws each unit once.
 * A figure that is not defined (`undefined`) for the data themselves gives `null`; resamples in which it is not
 * defined are left out of its interval.
 * @param compute from the number of times each unit was drawn to the figures by name.
 * @throws EpSamError `configuration` when `resamples` is not a positive integer.
 */
export function bootstrap<Name extends string>(
  units: number,
  names: readonly Name[],
  compute: (draws: Int32Array) => Readonly<Record<Name, number | undefined>>,
  { seed, resamples }: BootstrapOptions,
): Record<Name, Estimate | null> {
  if (!Number.isInteger(resamples) || resamples < 1) {
    throw new EpSamError("configuration", {
      what: `the number of bootstrap resamples cannot be ${resamples}`,
      action: "Use a positive integer, 1000 for example.",
    });
  }
  const point = compute(new Int32Array(units).fill(1));
  const stream = new RandomStream(seed, "evaluation", "bootstrap");
  const draws = new Int32Array(units);
  const replicas = Array.from({ length: resamples }, () => {
    draws.fill(0);
    for (let draw = 0; draw < units; draw++) {
      const unit = stream.integer(units);
      draws[unit] = (draws[unit] ?? 0) + 1;
    }
    return compute(draws);
  });
  const estimates: [Name, Estimate | null][] = names.map((name) => [
    name,
    estimate(
      point[name],
      replicas.map((replica) => replica[name]),
    ),
  ]);
  return Object.fromEntries(estimates) as Record<Name, Estimate | null>;
}

function estimate(value: number | undefined, replicas: readonly (number | undefined)[]): Estimate | null {
  if (value === undefined) return null;
  const defined = replicas.filter((replica) => replica !== undefined);
  if (defined.length === 0) return { value, low: value, high: value };
  return { value, low: percentile(defined, 2.5), high: percentile(defined, 97.5) };
}
