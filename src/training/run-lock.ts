import { mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, storageError } from "../common/index.js";

/** Name of the lock file in a run directory. */
export const lockName = "run.lock";

const ownerSchema = z.object({ process: z.int(), host: z.string() });
type Owner = z.infer<typeof ownerSchema>;

/** Directories that this process trains into, so that a lock with its number from before a reboot is known stale. */
const held = new Set<string>();

/**
 * Reserves a run directory for this process, so that two trainings never mix their files in it. The lock of a
 * process that was killed on this machine is taken over.
 * @returns gives the directory free again.
 * @throws EpSamError `run-directory` naming the process that trains there, `storage` when the directory cannot be
 *   made or written to.
 */
export async function lockRun(root: string): Promise<() => Promise<void>> {
  const directory = await madeDirectory(root);
  const file = join(directory, lockName);
  const owner: Owner = { process: process.pid, host: hostname() };
  for (let attempt = 1; !(await created(file, owner)); attempt++) {
    const other = await readOwner(file);
    if (attempt > 1 || !isStale(other, directory)) throw inUse(root, file, other);
    await rm(file, { force: true });
  }
  held.add(directory);
  return async () => {
    held.delete(directory);
    await rm(file, { force: true });
  };
}

async function madeDirectory(root: string): Promise<string> {
  try {
    await mkdir(root, { recursive: true });
    return await realpath(root);
  } catch (cause) {
    throw storageError(root, cause);
  }
}

async function created(file: string, owner: Owner): Promise<boolean> {
  try {
    await writeFile(file, JSON.stringify(owner), { flag: "wx" });
    return true;
  } catch (cause) {
    if (hasCode(cause, "EEXIST")) return false;
    throw storageError(file, cause);
  }
}

/** Who holds the lock; undefined when the file does not tell. */
async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.safeParse(JSON.parse(await readFile(file, "utf8"))).data;
  } catch (cause) {
    if (cause instanceof SyntaxError || hasCode(cause, "ENOENT")) return undefined;
    throw storageError(file, cause);
  }
}

/** True when the owner was a process of this machine that is gone. */
function isStale(owner: Owner | undefined, directory: string): boolean {
  if (owner === undefined || owner.host !== hostname()) return false;
  return owner.process === process.pid ? !held.has(directory) : !isAlive(owner.process);
}

function isAlive(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (cause) {
    // Another user's process may not be signalled, but it is there.
    return hasCode(cause, "EPERM");
  }
}

function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && "code" in cause && cause.code === code;
}

function inUse(root: string, file: string, owner: Owner | undefined): EpSamError {
  const who = owner === undefined ? "another process" : `process ${owner.process} on ${owner.host}`;
  return new EpSamError("run-directory", {
    what: `${who} is training into this directory`,
    where: root,
    why: "two trainings would mix their files",
    action: `Wait for it to end or stop it. If no such process runs any more, delete ${file}.`,
  });
}
