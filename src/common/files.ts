import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EpSamError, messageOf } from "./errors.js";

/**
 * Writes a whole file so that readers see either the old bytes or all the new ones: a temporary file in the
 * same directory, synced, then renamed.
 * @throws EpSamError `storage` naming the file when the disk is full or not writable; the old file stays.
 */
export async function writeFileAtomically(path: string, data: Uint8Array | string): Promise<void> {
  await streamFileAtomically(path, (handle) => handle.writeFile(data));
}

/**
 * Like {@link writeFileAtomically} for files that are written piece by piece: `write` gets the temporary file.
 * @throws EpSamError `storage` when the disk is full or not writable; EpSamErrors and aborts of `write` as they
 *   are. The old file stays.
 */
export async function streamFileAtomically(
  path: string,
  write: (handle: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(temporary, "wx");
    try {
      await write(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw isSystemError(cause) ? storageError(path, cause) : cause;
  }
}

/**
 * Makes a whole file, unless one is there: of several processes that try, on one machine or on many, one makes it.
 * @returns whether it was made
 * @throws EpSamError `storage`
 */
export async function createFileAtomically(path: string, data: string): Promise<boolean> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, data, { flush: true });
    await link(temporary, path);
    return true;
  } catch (cause) {
    if (isSystemError(cause) && cause.code === "EEXIST") return false;
    throw isSystemError(cause) ? storageError(path, cause) : cause;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Whether a name is that of a temporary file or folder of ours, which a kill may leave. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{12}\.tmp$/.test(name);
}

/** True for failures of the operating system, which carry their call's name. */
function isSystemError(cause: unknown): cause is NodeJS.ErrnoException {
  return cause instanceof Error && "syscall" in cause;
}

/** A failure of the operating system with a file or folder that nobody expected, by its name; null for anything else. */
export function fileErrorOf(cause: unknown): EpSamError | null {
  if (!isSystemError(cause) || cause.path === undefined) return null;
  const { code = "", path: where, message: why } = cause;
  const isAbsent = code === "ENOENT" || code === "ENOTDIR";
  const what = isAbsent ? "does not exist" : "cannot be read or written";
  const advice = isAbsent
    ? "Check the path; if it is there, it is a link that leads nowhere."
    : "Check that it is there and that you may read and write it.";
  return new EpSamError("storage", { what, where, why, action: DISK_FULL.get(code) ?? advice }, { cause });
}

/** Makes the rename durable; directories cannot be opened for syncing on Windows. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const ROOM = "Free disk space (or raise the quota); earlier results are intact.";
const DISK_FULL: ReadonlyMap<string, string> = new Map(
  ["ENOSPC", "EDQUOT", "EFBIG"].map((code) => [code, ROOM]),
);

/** Turns a failed read or write into an error that says what to do; the command adds how to go on. */
export function storageError(path: string, cause: unknown): EpSamError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const advice = "Check that the directory exists and is writable; earlier results are intact.";
  const action = DISK_FULL.get(code) ?? advice;
  return new EpSamError(
    "storage",
    { what: "cannot be written", where: path, why: messageOf(cause), action },
    { cause },
  );
}

/** True when something exists at `path`. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR")) {
      return false;
    }
    throw cause;
  }
}

/** True when something exists at one of the paths. */
export async function anyExists(paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if (await exists(path)) return true;
  return false;
}

/** SHA-256 of a file's bytes, in hexadecimal, read as a stream. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** SHA-256 of bytes or text, of several one after the other, in hexadecimal. */
export function hashBytes(...pieces: readonly (Uint8Array | string)[]): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}
