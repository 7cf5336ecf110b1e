import type { ManifestRow } from "./records.js";

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
