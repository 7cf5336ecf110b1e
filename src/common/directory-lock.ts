import { mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { EpSamError, type ErrorTag } from "./errors.js";
import { storageError } from "./files.js";
import { jsonIfFits } from "./json.js";

/** How a directory is locked, and how that is said. */
export interface LockOptions {
  /** Name of the lock file in the directory. */
  readonly name: string;
  /** Tag of the error when somebody else holds it. */
  readonly tag: ErrorTag;
  /** What the other process is doing "this directory", such as `training into`. */
  readonly activity: string;
  /** Why two must not. */
  readonly why: string;
}

const ownerSchema = z.object({ process: z.int(), host: z.string() });
type Owner = z.infer<typeof ownerSchema>;

/** Lock files that this process holds, so that one with its number from before a reboot is known stale. */
const held = new Set<string>();

/**
 * Reserves a directory for this process, so that two never mix their files in it. The lock of a process that was
 * killed on this machine is taken over.
 * @returns gives the directory free again.
 * @throws EpSamError of the given tag naming the process that holds it, `storage` when the directory cannot be made
 *   or written to.
 */
export async function lockDirectory(root: string, options: LockOptions): Promise<() => Promise<void>> {
  return hold(join(await madeDirectory(root), options.name), root, options);
}

/**
 * Reserves a directory that need not exist yet, by a hidden lock file beside it; otherwise like {@link lockDirectory}.
 */
export async function lockBeside(
  directory: string,
  options: Omit<LockOptions, "name">,
): Promise<() => Promise<void>> {
  const parent = await madeDirectory(dirname(resolve(directory)));
  return hold(join(parent, `.${basename(resolve(directory))}.lock`), directory, options);
}

async function hold(
  file: string,
  directory: string,
  options: Omit<LockOptions, "name">,
): Promise<() => Promise<void>> {
  const owner: Owner = { process: process.pid, host: hostname() };
  if (held.has(file)) throw inUse(directory, file, owner, options);
  held.add(file);
  try {
    await take(file, directory, owner, options);
  } catch (failure) {
    held.delete(file);
    throw failure;
  }
  return async () => {
    await rm(file, { force: true });
    held.delete(file);
  };
}

async function take(
  file: string,
  directory: string,
  owner: Owner,
  options: Omit<LockOptions, "name">,
): Promise<void> {
  for (let attempt = 1; !(await created(file, owner)); attempt++) {
    const other = await readOwner(file);
    if (attempt > 1 || !isStale(other)) throw inUse(directory, file, other, options);
    await rm(file, { force: true });
  }
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
    return jsonIfFits(await readFile(file, "utf8"), ownerSchema);
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined;
    throw storageError(file, cause);
  }
}

/** True when the owner was a process of this machine that is gone; one with our number was before us. */
function isStale(owner: Owner | undefined): boolean {
  if (owner === undefined || owner.host !== hostname()) return false;
  return owner.process === process.pid || !isAlive(owner.process);
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

function inUse(
  root: string,
  file: string,
  owner: Owner | undefined,
  { tag, activity, why }: Omit<LockOptions, "name">,
): EpSamError {
  const who = owner === undefined ? "another process" : `process ${owner.process} on ${owner.host}`;
  return new EpSamError(tag, {
    what: `${who} is ${activity} this directory`,
    where: root,
    why,
    action: `Wait for it to end or stop it. If no such process runs any more, delete ${file}.`,
  });
}
