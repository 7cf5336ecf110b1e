import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";
import {
  compareText,
  EpSamError,
  exists,
  firstRepeated,
  hashBytes,
  isRemotePath,
  jsonIfFits,
  mapConcurrently,
  messageOf,
} from "../common/index.js";
import { hashDataset } from "./dataset-hash.js";
import { listNames } from "./list-names.js";
import { MANIFEST_FILE, readManifest } from "./manifest.js";
import { readPngSize } from "./png-header.js";
import {
  compareRows,
  type Dataset,
  type ManifestRow,
  type PatchRecord,
  patchFileName,
  SPLITS,
  type Split,
} from "./records.js";
import { WINDOWS_FILE, withWindows } from "./windows-file.js";

/** The file beside the manifest that says how a dataset was made. */
export const DESCRIPTION_FILE = "dataset.json";

/** Open files at a time while hashing. */
const READERS = 4;

export interface OpenDatasetOptions {
  /** Receives what the user should know but does not stop the job. */
  readonly warn?: ((message: string) => void) | undefined;
}

/**
 * Opens a dataset directory: `manifest.csv` with `train|val|test/image/<id>_<label>.png`, or the same folders
 * without a manifest, where the label is the file-name suffix and slide and patient are unknown.
 * Reads every image file once, for its size and the dataset's hash.
 * @throws EpSamError `dataset` when the directory or a patch is missing, a manifest is malformed, an id or a
 * patient is repeated across splits, or patches differ in size.
 */
export async function openDataset(root: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const directory = folderOf(root);
  const warn = options.warn ?? (() => undefined);
  const patches = await listPatches(directory, options);
  const images = await mapConcurrently(patches, READERS, inspectImage);
  const patchSize = commonSize(images);
  checkWindowsInside(directory, patches, patchSize);
  tellSamePatches(directory, patches, images, warn);
  const dataset: Dataset = {
    root: directory,
    patches,
    patchSize,
    hash: hashDataset(patches, images),
  };
  await warnWhenChanged(dataset, warn);
  return dataset;
}

/**
 * The patches of a dataset directory without opening their files, for programs that only look: ordered as in
 * {@link openDataset}, which checks more.
 * @throws EpSamError `dataset` as {@link openDataset} does for the manifest and for patches without a file
 */
export async function listPatches(root: string, options: OpenDatasetOptions = {}): Promise<PatchRecord[]> {
  const directory = folderOf(root);
  const warn = options.warn ?? (() => undefined);
  return locatePatches(directory, await readRows(directory, warn), warn);
}

/** @throws EpSamError `dataset` for an address */
function folderOf(root: string): string {
  if (!isRemotePath(root)) return resolve(root);
  const action = "Copy it to a folder, such as with `aws s3 sync`, and give that.";
  throw new EpSamError("dataset", {
    where: root,
    what: "is no folder, and datasets are read from one",
    action,
  });
}

async function readRows(root: string, warn: (message: string) => void): Promise<ManifestRow[]> {
  if (!(await exists(root))) {
    const action = "Check the path, or make a dataset with `epsam prepare`.";
    throw new EpSamError("dataset", { where: root, what: "does not exist", action });
  }
  const manifest = join(root, MANIFEST_FILE);
  const rows = (await exists(manifest)) ? await readManifest(manifest) : await rowsFromFolders(root, warn);
  const windows = join(root, WINDOWS_FILE);
  return ((await exists(windows)) ? await withWindows(windows, rows) : rows).sort(compareRows);
}

async function rowsFromFolders(root: string, warn: (message: string) => void): Promise<ManifestRow[]> {
  const rows: ManifestRow[] = [];
  for (const split of SPLITS) {
    for (const name of await listPngFiles(imageFolder(root, split)))
      rows.push(rowFromName(root, split, name));
  }
  if (rows.length === 0) {
    throw new EpSamError("dataset", {
      where: root,
      what: "is not a dataset",
      why: `it has neither ${MANIFEST_FILE} nor train/image, val/image or test/image with PNG files`,
      action: "Make one with `epsam prepare`, or give the directory that holds these.",
    });
  }
  checkUniqueFiles(root, rows);
  warn(`${root} has no ${MANIFEST_FILE}: nobody can check that no patient is in two splits.`);
  return rows;
}

function rowFromName(root: string, split: Split, name: string): ManifestRow {
  const match = /^(.+)_([01])\.png$/.exec(name);
  const id = match?.[1];
  if (id === undefined) {
    throw new EpSamError("dataset", {
      where: join(imageFolder(root, split), name),
      what: "does not tell its label",
      why: `without a ${MANIFEST_FILE} the label is the suffix _0 or _1 of the file name`,
      action: "Rename it to <id>_0.png or <id>_1.png, or remove it.",
    });
  }
  const unknown = { x: null, y: null, level: null, mpp: null, tumourFraction: null };
  return { id, slide: id, patient: id, ...unknown, label: match?.[2] === "1" ? 1 : 0, split };
}

function checkUniqueFiles(root: string, rows: readonly ManifestRow[]): void {
  const repeated = firstRepeated(rows, ({ id }) => id);
  if (repeated === null) return;
  const [other, again] = repeated.map((row) => join(imageFolder(root, row.split), patchFileName(row)));
  throw new EpSamError("dataset", {
    where: again,
    what: `has the same id as ${other}`,
    action: "Every patch needs an id of its own; rename or remove one.",
  });
}

async function locatePatches(
  root: string,
  rows: readonly ManifestRow[],
  warn: (message: string) => void,
): Promise<PatchRecord[]> {
  const patches: PatchRecord[] = [];
  for (const split of SPLITS) {
    const images = new Set(await listPngFiles(imageFolder(root, split)));
    const masks = new Set(await listPngFiles(join(root, split, "mask")));
    const ofSplit = rows.filter((row) => row.split === split);
    checkImagesPresent(root, split, ofSplit, images);
    for (const row of ofSplit) patches.push(toRecord(root, row, masks));
    const unlisted = images.size - ofSplit.length;
    if (unlisted > 0) {
      warn(`${imageFolder(root, split)}: ${unlisted} images are not in ${MANIFEST_FILE} and are left out.`);
    }
  }
  return patches;
}

function checkImagesPresent(
  root: string,
  split: Split,
  rows: readonly ManifestRow[],
  present: ReadonlySet<string>,
): void {
  const missing = rows.map(patchFileName).filter((name) => !present.has(name));
  if (missing.length === 0) return;
  throw new EpSamError("dataset", {
    where: imageFolder(root, split),
    what: `lacks ${missing.length} of the ${rows.length} patches in ${MANIFEST_FILE}: ${listNames(missing)}`,
    action: "Copy the files back, remove their lines, or prepare the dataset again.",
  });
}

function toRecord(root: string, row: ManifestRow, masks: ReadonlySet<string>): PatchRecord {
  const name = patchFileName(row);
  return {
    ...row,
    imagePath: join(imageFolder(root, row.split), name),
    maskPath: masks.has(name) ? join(root, row.split, "mask", name) : null,
  };
}

interface InspectedImage {
  readonly path: string;
  readonly width: number;
  readonly height: number;
  readonly hash: string;
  /** Of few colours: empty patches may well be the same. */
  readonly isBlank: boolean;
}

/** Pixels per byte above which a PNG file holds next to nothing. */
const BLANK = 16;

async function inspectImage(record: PatchRecord): Promise<InspectedImage> {
  const path = record.imagePath;
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const fields = {
      where: path,
      what: "cannot be read",
      why: messageOf(cause),
      action: "Check permissions.",
    };
    throw new EpSamError("dataset", fields, { cause });
  }
  const size = readPngSize(path, bytes);
  const isBlank = bytes.length * BLANK < size.width * size.height;
  return { path, ...size, hash: hashBytes(bytes), isBlank };
}

function commonSize(images: readonly InspectedImage[]): number {
  const first = images[0];
  if (first === undefined) {
    throw new EpSamError("dataset", { what: "the dataset has no patches", action: "Prepare it again." });
  }
  for (const image of images) {
    if (image.width === first.width && image.height === first.width) continue;
    throw new EpSamError("dataset", {
      where: image.path,
      what: `is ${image.width} x ${image.height} pixels, not ${first.width} x ${first.width}`,
      why: `all patches of a dataset are squares of one size; ${first.path} is the first`,
      action: "Cut patches of one size, for example with `epsam prepare --patch-size`.",
    });
  }
  return first.width;
}

/** The same picture in two splits makes figures too good, whoever prepared the dataset. */
function tellSamePatches(
  root: string,
  patches: readonly PatchRecord[],
  images: readonly InspectedImage[],
  warn: (message: string) => void,
): void {
  const first = new Map<string, PatchRecord>();
  const pairs: string[] = [];
  for (const [index, patch] of patches.entries()) {
    const image = images[index];
    if (image === undefined || image.isBlank) continue;
    const other = first.get(image.hash);
    if (other === undefined) first.set(image.hash, patch);
    else if (other.split !== patch.split)
      pairs.push(`${other.id} (${other.split}) = ${patch.id} (${patch.split})`);
  }
  if (pairs.length === 0) return;
  warn(
    `${root}: ${pairs.length} patches are in two splits under two names, so figures on them are too good: ${listNames(pairs)}.`,
  );
}

function checkWindowsInside(root: string, patches: readonly PatchRecord[], patchSize: number): void {
  for (const { id, windows = [] } of patches) {
    const outside = windows.find(({ x, y, size }) => Math.max(x, y) + size > patchSize);
    if (outside === undefined) continue;
    const { x, y, size } = outside;
    throw new EpSamError("dataset", {
      where: join(root, WINDOWS_FILE),
      what: `has a window of "${id}" at ${x}, ${y} with ${size} pixels a side, which leaves the patch`,
      why: `patches have ${patchSize} pixels a side`,
      action: "Correct the line, or prepare the dataset again.",
    });
  }
}

const descriptionSchema = z.object({ hash: z.string() });

async function warnWhenChanged(dataset: Dataset, warn: (message: string) => void): Promise<void> {
  const path = join(dataset.root, DESCRIPTION_FILE);
  if (!(await exists(path))) return;
  const recorded = jsonIfFits(await readFile(path, "utf8"), descriptionSchema);
  if (recorded === undefined) warn(`${path} is damaged; the dataset itself is read from ${MANIFEST_FILE}.`);
  else if (recorded.hash !== dataset.hash) {
    warn(
      `${dataset.root} has changed since it was prepared: images or labels differ from ${DESCRIPTION_FILE}.`,
    );
  }
}

function imageFolder(root: string, split: Split): string {
  return join(root, split, "image");
}

async function listPngFiles(folder: string): Promise<string[]> {
  if (!(await exists(folder))) return [];
  const names = await readdir(folder);
  return names.filter((name) => !name.startsWith(".") && name.endsWith(".png")).sort(compareText);
}
