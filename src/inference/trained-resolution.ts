import { join } from "node:path";
import { EpSamError, exists } from "../common/index.js";
import {
  compareMpp,
  isSameMagnification,
  MANIFEST_FILE,
  type NamedMpp,
  type PatchResolution,
  patchResolution,
  type Resolution,
  type ResolutionRule,
  readManifest,
} from "../dataset/index.js";
import { RunDirectory, type RunRecord } from "../run/index.js";
import type { InferSlidesOptions } from "./slides/options.js";

/** The resolution that a run's patches have, so that slides are read at it. */
export interface TrainedResolution {
  readonly resolution: Resolution;
  /** What the user should know of how it was found, or null. */
  readonly note: string | null;
}

/**
 * The resolution a run was trained at: as `run.json` or its dataset's manifest tells, unless `patchMpp` does.
 * @throws EpSamError `run-directory` when there is no run, `usage` when its dataset is gone or holds patches of
 *   several magnifications, or `patchMpp` is another one and that is not meant
 */
export async function trainedResolution(
  runDirectory: string,
  { patchMpp, anyResolution }: Pick<InferSlidesOptions, "patchMpp" | "anyResolution"> = {},
): Promise<TrainedResolution> {
  const { record } = await RunDirectory.open(runDirectory);
  const known = await resolutionOfRun(record);
  if (patchMpp !== undefined) {
    const asked = { of: "`patchMpp`", mpp: patchMpp };
    return {
      resolution: { mpp: patchMpp },
      note: compareWithRun(known, asked, { anyResolution, action: NO_PATCH_MPP }),
    };
  }
  const { root } = record.dataset;
  if (known !== undefined) return resolutionOfPatches(known, root);
  throw new EpSamError("usage", {
    what: "the resolution of the run's patches is not known",
    where: runDirectory,
    why: `its dataset ${root} is gone`,
    action: "Give it with `patchMpp`, in microns per pixel.",
  });
}

const NO_PATCH_MPP = "Leave it out: slides are then read at the resolution of the run.";

/** As `run.json` tells, or the manifest of its dataset where that is older; undefined when neither is there. */
async function resolutionOfRun({ dataset }: RunRecord): Promise<PatchResolution | undefined> {
  if (dataset.resolution !== undefined) return dataset.resolution;
  const manifest = join(dataset.root, MANIFEST_FILE);
  return (await exists(manifest)) ? patchResolution(await readManifest(manifest)) : undefined;
}

/**
 * What is told of images, which are not resampled: the microns per pixel that were given for them beside the run's.
 * @throws EpSamError of the rule's tag when they are of another magnification, and that is not meant
 */
export async function compareImagesWithRun(
  runDirectory: string,
  images: NamedMpp,
  rule: Omit<ResolutionRule, "action">,
): Promise<string | null> {
  const known = await resolutionOfRun((await RunDirectory.open(runDirectory)).record);
  const action = "Images are not resampled: bring them to the resolution of the run before.";
  return compareWithRun(known, images, { ...rule, action });
}

/** A run of patches of several magnifications knows all of them. */
function compareWithRun(
  known: PatchResolution | undefined,
  other: NamedMpp,
  rule: ResolutionRule,
): string | null {
  const mpp = known?.mpp ?? null;
  if (mpp === null || (other.mpp >= mpp.finest && other.mpp <= mpp.coarsest)) return null;
  return compareMpp({ of: "the patches of the run", mpp: mpp.median }, other, rule);
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
  if (!isSameMagnification(finest, coarsest)) {
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
