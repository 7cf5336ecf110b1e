import { join } from "node:path";
import {
  cacheDirectory,
  EpSamError,
  hashBytes,
  isRemotePath,
  lockDirectory,
  remotePath,
} from "../../common/index.js";
import { listBucket } from "../../slides/index.js";
import { MANIFEST_FILE } from "../manifest.js";
import { DESCRIPTION_FILE } from "../open-dataset.js";
import { checkOutput, type OutputRequest, reserveOutput } from "../preparation/staging.js";
import { preparationOf, STATE_FILE } from "./state.js";

/**
 * Prepares into a folder, or a place in a bucket, that no other process of this machine prepares into at the same time.
 * @throws EpSamError as {@link checkPlace}, and `usage` when another process does
 */
export async function reservePlace<T>(request: OutputRequest, work: () => Promise<T>): Promise<T> {
  if (!isRemotePath(request.out)) return reserveOutput(request, work);
  await checkPlace(request);
  const place = hashBytes(preparationOf(request.out)).slice(0, 16);
  const release = await lockDirectory(join(cacheDirectory(), "bucket-datasets", place), {
    name: "work.lock",
    tag: "usage",
    activity: "preparing, by way of",
    why: "two would mix their patches",
  });
  try {
    return await work();
  } finally {
    await release();
  }
}

/**
 * Refuses a place for a dataset before any work: see `checkOutput()`; in a bucket by the same rules.
 * @param isShared by calls on several machines: none of them can clear a bucket of an older dataset for all
 * @throws EpSamError `usage` saying why
 */
export async function checkPlace({ out, overwrite, inputs }: OutputRequest, isShared = false): Promise<void> {
  if (!isRemotePath(out)) return checkOutput(out, overwrite, inputs);
  const place = preparationOf(out);
  if (!/^s3:\/\/[^/]+\/./i.test(place)) {
    const action = "Give a folder, or s3://BUCKET/PREFIX.";
    throw new EpSamError("usage", { where: place, what: "is no place to write a dataset to", action });
  }
  const inside = inputs.find((input) => isRemotePath(input) && remotePath(input).startsWith(`${place}/`));
  if (inside !== undefined)
    throw refused(place, `cannot be the output, since the input ${inside} lies in it`);
  const { files, folders } = await listBucket(`${place}/`);
  if (files.length === 0 && folders.length === 0) return;
  const names = files.map((path) => path.slice(place.length + 1));
  const isBegun = names.includes(STATE_FILE);
  if (names.includes(DESCRIPTION_FILE) || (names.includes(MANIFEST_FILE) && !isBegun)) {
    if (!overwrite) {
      const action = "Pass `overwrite: true` to replace it, or choose another `out`.";
      throw new EpSamError("usage", { where: place, what: "holds a dataset already", action });
    }
    if (!isShared) return;
    const what = "holds a dataset, which several calls cannot replace together in a bucket";
    const action = "Remove it, or choose another `out`.";
    throw new EpSamError("usage", { where: place, what, action });
  }
  if (!isBegun) throw refused(place, "holds files that are not a prepared dataset");
}

function refused(where: string, what: string): EpSamError {
  return new EpSamError("usage", { where, what, action: "Choose another `out`; this one is left as it is." });
}
