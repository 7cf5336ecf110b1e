import { randomBytes } from "node:crypto";
import { open, rm, statfs } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { EpSamError, messageOf } from "./errors.js";
import { exists } from "./files.js";

/**
 * Tries whether files can be made in a directory, or where it would be made; leaves nothing behind.
 * @returns free bytes there
 * @throws EpSamError `storage` when they cannot
 */
export async function requireWritable(
  directory: string,
  action = "Choose a directory you may write to, or change its permissions.",
): Promise<number> {
  try {
    const existing = await nearestExisting(resolve(directory));
    const probe = join(existing, `.epsam.${randomBytes(6).toString("hex")}.tmp`);
    await (await open(probe, "wx")).close();
    await rm(probe);
    const { bavail, bsize } = await statfs(existing);
    return bavail * bsize;
  } catch (cause) {
    const fields = { what: "cannot be written to", where: directory, why: messageOf(cause), action };
    throw new EpSamError("storage", fields, { cause });
  }
}

async function nearestExisting(directory: string): Promise<string> {
  if (await exists(directory)) return directory;
  const parent = dirname(directory);
  return parent === directory ? directory : nearestExisting(parent);
}

/** Bytes as `3.2 GB`, powers of ten. */
export function formatBytes(bytes: number): string {
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
