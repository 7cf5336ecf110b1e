import { lockDirectory } from "../common/index.js";

/** Name of the lock file in a run directory. */
export const lockName = "run.lock";

/**
 * Reserves a run directory for this process, so that two trainings never mix their files in it. The lock of a
 * process that was killed on this machine is taken over.
 * @returns gives the directory free again.
 * @throws EpSamError `run-directory` naming the process that trains there, `storage` when the directory cannot be
 *   made or written to.
 */
export function lockRun(root: string): Promise<() => Promise<void>> {
  return lockDirectory(root, {
    name: lockName,
    tag: "run-directory",
    activity: "training into",
    why: "two trainings would mix their files",
  });
}
