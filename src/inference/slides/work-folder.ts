import { randomBytes } from "node:crypto";
import { copyFile, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { EpSamError, exists } from "../../common/index.js";

/**
 * Parts the files of a work folder from a process that may still have them open, since it stood still and was not
 * ended: what it writes when it wakes up goes to the old files, which nobody reads any more.
 */
export async function leaveToOther(workDirectory: string): Promise<void> {
  if (!(await exists(workDirectory))) return;
  for (const name of await readdir(workDirectory)) {
    const path = join(workDirectory, name);
    const copy = join(workDirectory, `.${name}.${randomBytes(6).toString("hex")}.tmp`);
    await copyFile(path, copy);
    await rename(copy, path);
  }
}

/** Why a call that stood still does not go on with a slide. */
export function takenOver(folder: string): EpSamError {
  return new EpSamError("busy", {
    where: folder,
    what: "was taken over by another process",
    why: "this one gave no sign of life for too long",
    action: "Nothing is lost: that one goes on with the patches that are done.",
  });
}
