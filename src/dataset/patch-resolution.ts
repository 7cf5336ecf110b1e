import { EpSamError } from "../common/index.js";
import type { ManifestRow } from "./records.js";

/** Resolutions that differ by this share are still of one magnification. */
const SAME_MAGNIFICATION = 0.1;
/** Beyond this factor it is another magnification, and what was learned at one does not hold. */
const OTHER_MAGNIFICATION = 1.5;

/** The resolution of a dataset's patches. */
export interface PatchResolution {
  /** Microns per pixel; null when no patch has them. */
  readonly mpp: { readonly finest: number; readonly median: number; readonly coarsest: number } | null;
  /** The pyramid level that all patches were read at, 0 when they were not or it is unknown. */
  readonly level: number;
}

/** The resolution of patches; those without microns per pixel are left out of account. */
export function patchResolution(rows: readonly Pick<ManifestRow, "mpp" | "level">[]): PatchResolution {
  const levels = new Set(rows.map(({ level }) => level ?? 0));
  const [level = 0] = levels;
  const known = rows.flatMap(({ mpp }) => (mpp === null ? [] : [mpp])).sort((a, b) => a - b);
  const [finest, median, coarsest] = [known[0], known[Math.floor(known.length / 2)], known.at(-1)];
  const isKnown = finest !== undefined && median !== undefined && coarsest !== undefined;
  return { mpp: isKnown ? { finest, median, coarsest } : null, level: levels.size === 1 ? level : 0 };
}

/** Microns per pixel, and what has them. */
export interface NamedMpp {
  readonly of: string;
  readonly mpp: number;
}

/** Whether two resolutions are of one magnification, give or take what scanners of one make differ by. */
export function isSameMagnification(first: number, second: number): boolean {
  return Math.max(first / second, second / first) <= 1 + SAME_MAGNIFICATION;
}

/** What goes with a comparison of resolutions. */
export interface ResolutionRule {
  /** Whether any difference will do. */
  readonly anyResolution?: boolean | undefined;
  /** What to do about one that will not. */
  readonly action: string;
  /** Of the error that says so: `usage` when left out, which ends the call; of an input that is left out alone, its own. */
  readonly tag?: "slide" | "input-image" | undefined;
}

/**
 * Compares two resolutions that should be of one magnification.
 * @returns what the user should know, or null when they are
 * @throws EpSamError of the rule's tag when they differ by more than a factor of 1.5, unless any difference will do
 */
export function compareMpp(
  first: NamedMpp,
  second: NamedMpp,
  { anyResolution = false, action, tag }: ResolutionRule,
): string | null {
  if (isSameMagnification(first.mpp, second.mpp)) return null;
  const [one, other] = [first, second].map(({ mpp }) => Number(mpp.toPrecision(4)));
  const factor = Math.max(first.mpp / second.mpp, second.mpp / first.mpp);
  const times = `a factor of ${factor.toPrecision(2)}`;
  if (anyResolution || factor <= OTHER_MAGNIFICATION) {
    return `${second.of} has ${other} µm per pixel, ${first.of} ${one}: ${times} in the size of cells`;
  }
  throw new EpSamError(tag ?? "usage", {
    where: second.of,
    what: `has ${other} µm per pixel, ${first.of} ${one}`,
    why: `${times} in the size of cells: what is learned at one magnification does not hold at another`,
    action: `${action} Pass \`anyResolution: true\` if it is meant so.`,
  });
}

/** Patches and what they are called. */
export interface NamedPatches {
  readonly of: string;
  readonly resolution: PatchResolution;
}

/**
 * Compares patches among themselves.
 * @returns what the user should know
 * @throws EpSamError `usage` as {@link compareMpp}
 */
export function checkOneMagnification({ of, resolution }: NamedPatches, rule: ResolutionRule): string[] {
  const { mpp } = resolution;
  if (mpp === null) return [];
  const [finest, coarsest] = [
    { of: "its finest", mpp: mpp.finest },
    { of: `the coarsest patch of ${of}`, mpp: mpp.coarsest },
  ];
  return [compareMpp(finest, coarsest, rule) ?? []].flat();
}

/**
 * Compares patches with those that a model was trained on, or will be together with.
 * @returns what the user should know
 * @throws EpSamError `usage` as {@link compareMpp}
 */
export function checkSameMagnification(
  first: NamedPatches,
  second: NamedPatches,
  rule: ResolutionRule,
): string[] {
  const [one, other] = [first.resolution, second.resolution];
  if (one.mpp !== null && other.mpp !== null) {
    const named = [
      { of: first.of, mpp: one.mpp.median },
      { of: second.of, mpp: other.mpp.median },
    ] as const;
    return [compareMpp(...named, rule) ?? []].flat();
  }
  if (one.mpp === null && other.mpp === null) {
    if (one.level === other.level) return [];
    return [
      `${second.of} was read at level ${other.level}, ${first.of} at level ${one.level}, both of unknown microns per pixel: they may differ in the size of cells`,
    ];
  }
  const [told, silent] = one.mpp === null ? [second, first] : [first, second];
  return [
    `${silent.of} has no microns per pixel, ${told.of} has ${told.resolution.mpp?.median}: whether they are of one magnification is not known`,
  ];
}
