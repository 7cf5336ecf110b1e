import { EpSamError, hashBytes, mapConcurrently } from "../common/index.js";
import type { SharedFiles } from "../slides/index.js";
import { compareRows, type ManifestRow, patchFileName } from "./records.js";

/** Patches that are read at a time. */
const READERS = 12;

/** The hash of a dataset, see `Dataset.hash`. @param images hashes of the patches' files, in the patches' order */
export function hashDataset(
  patches: readonly ManifestRow[],
  images: readonly { readonly hash: string }[],
): string {
  const lines = patches.map((patch, index) => {
    const { id, slide, patient, label, split, windows } = patch;
    const own =
      windows === undefined
        ? []
        : [windows.map(({ x, y, size, ...labels }) => [x, y, size, labels.tumour, labels.other])];
    return JSON.stringify([id, slide, patient, label, split, images[index]?.hash, ...own]);
  });
  return hashBytes(lines.join("\n"));
}

/**
 * The hash of a dataset by its files, wherever they are: what `openDataset()` says of the same ones.
 * @param onPatch is told how many were read
 * @throws EpSamError `storage` when a patch is not there
 */
export async function hashOfFiles(
  files: SharedFiles,
  rows: readonly ManifestRow[],
  onPatch: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<string> {
  const patches = [...rows].sort(compareRows);
  let done = 0;
  const images = await mapConcurrently(patches, READERS, async (row) => {
    signal?.throwIfAborted();
    const name = `${row.split}/image/${patchFileName(row)}`;
    const bytes = await files.read(name);
    if (bytes === null) {
      throw new EpSamError("storage", {
        where: `${files.root}/${name}`,
        what: "is gone, and was written before",
        action: "Look whether something else removes files there, and give the same command again.",
      });
    }
    onPatch(++done, patches.length);
    return { hash: hashBytes(bytes) };
  });
  return hashDataset(patches, images);
}
