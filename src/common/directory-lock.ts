import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, realpath, rename, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { pause } from "./concurrency.js";
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
  /**
   * Milliseconds for which the holder may give no sign of life before its lock is taken over, on whatever machine it
   * is; left out, only the lock of a process that is gone from this machine is. Longer than {@link BEAT_MILLISECONDS}.
   */
  readonly patience?: number | undefined;
  /** Is called when another process has taken the lock over, because this one stood still for so long. */
  readonly onLost?: (() => void) | undefined;
}

/** A directory that this process has for itself. */
export interface HeldLock {
  /** Whether it was taken from a holder that gave no sign of life: that one may write still, once it wakes up. */
  readonly isTakenOver: boolean;
  /** Gives the directory free again. */
  release(): Promise<void>;
}

/** How often holders give a sign of life: the time of change of the lock file. */
export const BEAT_MILLISECONDS = 1000;
/** How often somebody who waits looks for one. */
const LOOK_MILLISECONDS = 500;

const ownerSchema = z.object({ process: z.int(), host: z.string(), token: z.string().optional() });
type Owner = z.infer<typeof ownerSchema>;

/** Lock files that this process holds, so that one with its number from before a reboot is known stale. */
const held = new Set<string>();

/**
 * Reserves a directory for this process, so that two never mix their files in it. The lock of a process that was
 * killed on this machine is taken over; with `patience`, that of any process that has stood still for so long.
 * @returns gives the directory free again.
 * @throws EpSamError of the given tag naming the process that holds it, `storage` when the directory cannot be made
 *   or written to.
 */
export async function lockDirectory(root: string, options: LockOptions): Promise<() => Promise<void>> {
  const { release } = await holdDirectory(root, options);
  return release;
}

/** {@link lockDirectory}, for those who have to know whether they took the lock over. */
export async function holdDirectory(root: string, options: LockOptions): Promise<HeldLock> {
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
  const { release } = await hold(join(parent, `.${basename(resolve(directory))}.lock`), directory, options);
  return release;
}

async function hold(file: string, directory: string, options: Omit<LockOptions, "name">): Promise<HeldLock> {
  const owner: Owner = { process: process.pid, host: hostname(), token: randomBytes(8).toString("hex") };
  if (held.has(file)) throw inUse(directory, file, owner, options);
  held.add(file);
  try {
    const isTakenOver = await take(file, directory, owner, options);
    const stop = giveSigns(file, owner, options.onLost);
    const release = async (): Promise<void> => {
      // What another has taken over is no longer ours to remove.
      if (await stop()) await rm(file, { force: true });
      held.delete(file);
    };
    return { isTakenOver, release };
  } catch (failure) {
    held.delete(file);
    throw failure;
  }
}

/**
 * Gives signs of life until it is stopped, as long as the lock is this owner's.
 * @returns stops, and tells whether it still is
 */
function giveSigns(file: string, { token }: Owner, onLost: (() => void) | undefined): () => Promise<boolean> {
  let isOurs = true;
  let last: Promise<void> = Promise.resolve();
  const beat = async (): Promise<void> => {
    const now = new Date();
    const isStillOurs = (await readOwner(file))?.token === token;
    if (isStillOurs) await utimes(file, now, now);
    else if (isOurs) {
      isOurs = false;
      onLost?.();
    }
  };
  // A file system that fails for a while keeps the lock: who takes it over changes its content.
  const next = () => {
    last = last.then(beat).catch(() => undefined);
    return last;
  };
  const timer = setInterval(next, BEAT_MILLISECONDS).unref();
  return async () => {
    clearInterval(timer);
    await next();
    return isOurs;
  };
}

/** @returns whether the lock was taken from a holder that may be alive */
async function take(
  file: string,
  directory: string,
  owner: Owner,
  options: Omit<LockOptions, "name">,
): Promise<boolean> {
  let isTakenOver = false;
  for (let attempt = 1; !(await created(file, owner)); attempt++) {
    const other = await readOwner(file);
    const isGone = isStale(other);
    if (attempt > 1 || (!isGone && options.patience === undefined)) {
      throw inUse(directory, file, other, options);
    }
    if (!isGone) {
      const stood = await standsStill(file, options.patience ?? 0);
      if (stood === "moves") throw inUse(directory, file, other, options);
      isTakenOver = stood === "still";
    }
    await setAside(file, other, () => inUse(directory, file, other, options));
  }
  return isTakenOver;
}

/** Watches a lock: clocks of several machines are never compared, only what changes while this one looks. */
async function standsStill(file: string, patience: number): Promise<"still" | "moves" | "gone"> {
  const first = await signOf(file);
  const end = performance.now() + patience;
  for (let sign = first; sign !== null; sign = await signOf(file)) {
    if (sign !== first) return "moves";
    if (performance.now() >= end) return "still";
    await pause(Math.min(LOOK_MILLISECONDS, patience), undefined);
  }
  return "gone";
}

/** The time of change and content of a lock, null when there is none; opened, so that network file systems look anew. */
async function signOf(file: string): Promise<string | null> {
  try {
    const handle = await open(file, "r");
    try {
      const [{ mtimeMs }, content] = [await handle.stat(), await handle.readFile("utf8")];
      return `${mtimeMs} ${content}`;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return null;
    throw storageError(file, cause);
  }
}

/** Removes a lock, and no other that somebody made in its place meanwhile. */
async function setAside(file: string, owner: Owner | undefined, inUseBy: () => EpSamError): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(file, aside);
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return;
    throw storageError(file, cause);
  }
  const taken = await readOwner(aside);
  if (JSON.stringify(taken) !== JSON.stringify(owner)) {
    await rename(aside, file);
    throw inUseBy();
  }
  await rm(aside, { force: true });
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
