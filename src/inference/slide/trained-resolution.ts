import { join } from "node:path";
import { EpSamError, exists } from "../../common/index.js";
import { MANIFEST_FILE, type ManifestRow, type Resolution, readManifest } from "../../dataset/index.js";
import { RunDirectory } from "../../training/index.js";

/** Resolutions of one dataset may differ by this share and still be one magnification. */
const SAME_MAGNIFICATION = 0.1;

/** The resolution that a run's patches have, so that slides are read at it. */
export interface TrainedResolution {
  readonly resolution: Resolution;
  /** What the user should know of how it was found, or null. */
  readonly note: string | null;
}

/**
 * The resolution a run was trained at: as its dataset's manifest tells, unless `patchMpp` does.
 * @throws EpSamError `run-directory` when there is no run, `usage` when the dataset is gone or holds patches of
 *   several magnifications
 */
export async function trainedResolution(runDirectory: string, patchMpp?: number): Promise<TrainedResolution> {
  if (patchMpp !== undefined) return { resolution: { mpp: patchMpp }, note: null };
  const { root } = (await RunDirectory.open(runDirectory)).record.dataset;
  const manifest = join(root, MANIFEST_FILE);
  if (!(await exists(manifest))) {
    throw new EpSamError("usage", {
      what: "the resolution of the run's patches is not known",
      where: runDirectory,
      why: `it is written in ${manifest}, which is gone`,
      action: "Give it with --patch-mpp, in microns per pixel.",
    });
  }
  return resolutionOfPatches(await readManifest(manifest), manifest);
}

/** The resolution of a dataset's patches; those without one are left out of account. */
export function resolutionOfPatches(
  rows: readonly Pick<ManifestRow, "mpp" | "level">[],
  manifest: string,
): TrainedResolution {
  const known = rows.flatMap(({ mpp }) => (mpp === null ? [] : [mpp])).sort((a, b) => a - b);
  const [finest, coarsest] = [known[0], known.at(-1)];
  if (finest === undefined || coarsest === undefined) {
    const level = commonLevel(rows);
    return {
      resolution: { level },
      note: `The run's patches have no microns per pixel: slides are read at level ${level}, whatever its resolution.`,
    };
  }
  if (coarsest > finest * (1 + SAME_MAGNIFICATION)) {
    throw new EpSamError("usage", {
      what: "holds patches of several magnifications",
      where: manifest,
      why: `from ${finest} to ${coarsest} µm per pixel`,
      action: "Say at which slides are to be read, with --patch-mpp.",
    });
  }
  const median = known[Math.floor(known.length / 2)] ?? finest;
  const note =
    finest === coarsest
      ? null
      : `The run's patches have ${finest} to ${coarsest} µm per pixel: ${median} is used.`;
  return { resolution: { mpp: median }, note };
}

/** The level that all patches were read at, else 0. */
function commonLevel(rows: readonly Pick<ManifestRow, "level">[]): number {
  const levels = new Set(rows.map(({ level }) => level ?? 0));
  const [level = 0] = levels;
  return levels.size === 1 ? level : 0;
}
