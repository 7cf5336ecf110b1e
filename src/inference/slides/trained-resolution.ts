import { join } from "node:path";
import { EpSamError, exists } from "../../common/index.js";
import {
  MANIFEST_FILE,
  type PatchResolution,
  patchResolution,
  type Resolution,
  readManifest,
} from "../../dataset/index.js";
import { RunDirectory } from "../../run/index.js";

/** Resolutions of one dataset may differ by this share and still be one magnification. */
const SAME_MAGNIFICATION = 0.1;

/** The resolution that a run's patches have, so that slides are read at it. */
export interface TrainedResolution {
  readonly resolution: Resolution;
  /** What the user should know of how it was found, or null. */
  readonly note: string | null;
}

/**
 * The resolution a run was trained at: as `run.json` or its dataset's manifest tells, unless `patchMpp` does.
 * @throws EpSamError `run-directory` when there is no run, `usage` when its dataset is gone or holds patches of
 *   several magnifications
 */
export async function trainedResolution(runDirectory: string, patchMpp?: number): Promise<TrainedResolution> {
  if (patchMpp !== undefined) return { resolution: { mpp: patchMpp }, note: null };
  const { root, resolution } = (await RunDirectory.open(runDirectory)).record.dataset;
  if (resolution !== undefined) return resolutionOfPatches(resolution, root);
  const manifest = join(root, MANIFEST_FILE);
  if (await exists(manifest)) return resolutionOfPatches(patchResolution(await readManifest(manifest)), root);
  throw new EpSamError("usage", {
    what: "the resolution of the run's patches is not known",
    where: runDirectory,
    why: `its dataset ${root} is gone`,
    action: "Give it with `patchMpp`, in microns per pixel.",
  });
}

/** @throws EpSamError `usage` when the patches have several magnifications */
export function resolutionOfPatches({ mpp, level }: PatchResolution, dataset: string): TrainedResolution {
  if (mpp === null) {
    return {
      resolution: { level },
      note: `The run's patches have no microns per pixel: slides are read at level ${level}, whatever its resolution.`,
    };
  }
  const { finest, median, coarsest } = mpp;
  if (coarsest > finest * (1 + SAME_MAGNIFICATION)) {
    throw new EpSamError("usage", {
      what: "holds patches of several magnifications",
      where: dataset,
      why: `from ${finest} to ${coarsest} µm per pixel`,
      action: "Say at which slides are to be read, with `patchMpp`.",
    });
  }
  const isOne = finest === coarsest;
  const note = `The run's patches have ${finest} to ${coarsest} µm per pixel: ${median} is used.`;
  return { resolution: { mpp: median }, note: isOne ? null : note };
}
