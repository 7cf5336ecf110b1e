import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import {
  EpSamError,
  exists,
  isRemotePath,
  lockBeside,
  remotePath,
  storageError,
} from "../../common/index.js";
import { MANIFEST_FILE } from "../manifest.js";
import { DESCRIPTION_FILE } from "../open-dataset.js";

/**
 * Prepares into an output directory that no other process prepares into at the same time.
 * @throws EpSamError `usage` when another does, or as {@link checkOutput} says; and whatever `work` throws.
 */
export async function reserveOutput<T>(
  { out, overwrite, inputs }: OutputRequest,
  work: () => Promise<T>,
): Promise<T> {
  await checkOutput(out, overwrite, inputs);
  const release = await lockBeside(out, {
    tag: "usage",
    activity: "preparing",
    why: "two would mix their patches",
  });
  try {
    // Another process may have finished a dataset there since.
    await checkOutput(out, overwrite, inputs);
    return await work();
  } finally {
    await release();
  }
}

export interface OutputRequest {
  readonly out: string;
  readonly overwrite: boolean;
  /** Everything that is read, which the output may not hold. */
  readonly inputs: readonly string[];
}

/**
 * Refuses an output directory before any work: one with something in it, unless it is a dataset and `overwrite`
 * is given, or one that holds an input.
 * @throws EpSamError `usage` saying which.
 */
export async function checkOutput(out: string, overwrite: boolean, inputs: readonly string[]): Promise<void> {
  if (isRemotePath(out)) {
    const action =
      "Choose a folder; datasets of slides with annotations, and results of slides, can go to s3://.";
    throw new EpSamError("usage", { where: remotePath(out), what: "cannot be the output", action });
  }
  const local = inputs.filter((input) => !isRemotePath(input));
  const inside = local.find((input) => isWithin(resolve(out), resolve(input)));
  if (inside !== undefined) {
    throw new EpSamError("usage", {
      where: out,
      what: `cannot be the output, since the input ${inside} lies in it`,
      action: "Choose another `out` directory.",
    });
  }
  if (!(await exists(out))) return;
  if (!(await stat(out)).isDirectory()) {
    const action = "Choose another `out` directory.";
    throw new EpSamError("usage", { where: out, what: "is a file", action });
  }
  const names = await readdir(out);
  if (names.length === 0) return;
  if (!names.includes(MANIFEST_FILE) && !names.includes(DESCRIPTION_FILE)) {
    throw new EpSamError("usage", {
      where: out,
      what: "holds files that are not a prepared dataset",
      action: "Choose another `out` directory; this one is left as it is.",
    });
  }
  if (overwrite) return;
  const action = "Pass `overwrite: true` to replace it, or choose another `out` directory.";
  throw new EpSamError("usage", { where: out, what: "holds a dataset already", action });
}

/** True when `path` is `folder` or lies in it; both absolute. */
function isWithin(folder: string, path: string): boolean {
  const [first] = relative(folder, path).split(sep);
  return first !== ".." && !isAbsolute(relative(folder, path));
}

/**
 * Lets `fill` write into a directory beside `out` that becomes `out` when everything succeeded; otherwise it is
 * removed and `out` stays as it was.
 * @throws EpSamError `storage` when the directory cannot be made or moved, and whatever `fill` throws.
 */
export async function writeDirectoryAtomically<T>(
  out: string,
  fill: (directory: string) => Promise<T>,
): Promise<T> {
  const target = resolve(out);
  const unique = randomBytes(6).toString("hex");
  const staging = join(dirname(target), `.${basename(target)}.${unique}.tmp`);
  try {
    await orStorageError(target, () => mkdir(staging, { recursive: true }));
    const result = await fill(staging);
    await replaceDirectory(staging, target);
    return result;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/**
 * Makes a finished directory take the place of `target`, which is removed if it exists.
 * @throws EpSamError `storage` when it cannot be moved; `target` stays as it was.
 */
export async function replaceDirectory(finished: string, target: string): Promise<void> {
  await orStorageError(target, () => exchange(finished, target, `${finished}.old`));
}

async function exchange(staging: string, target: string, aside: string): Promise<void> {
  const replaced = await exists(target);
  if (replaced) await rename(target, aside);
  try {
    await rename(staging, target);
  } catch (failure) {
    if (replaced) await rename(aside, target);
    throw failure;
  }
  await rm(aside, { recursive: true, force: true });
}

async function orStorageError(path: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw storageError(path, cause);
  }
}
