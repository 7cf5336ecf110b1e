import { basename, dirname, extname } from "node:path";
import { compareText, EpSamError, isRemotePath } from "../../common/index.js";
import {
  isImage,
  kindByExtension,
  LABELS_FILE,
  listInputs,
  MASK_SUFFIXES,
  NAMED_FOLDER,
  namesWithoutMask,
  patchFolders,
} from "../file-kinds.js";
import { NamedPictures, requireUniqueStems } from "../file-names.js";
import { listNames } from "../list-names.js";
import type { InputKind, SkippedInput } from "./options.js";
import { subfolderHint } from "./subfolders.js";

/** An image file among the inputs. */
export interface InputImage {
  /** File name without extension. */
  readonly stem: string;
  readonly path: string;
}

export interface FoundInputs {
  /** Ordered by stem. */
  readonly images: readonly InputImage[];
  readonly skipped: readonly SkippedInput[];
  /** `labels.csv` of the folder, if there is one. */
  readonly labelsFile: string | null;
}

/** What {@link findInputs} advises about slides among images. */
const SLIDES_TO_PREPARE = "for slides give `annotations: FOLDER`";

/**
 * The image files of folders (not of their subfolders) and files.
 * @param slideAdvice what is to be done about slides
 * @throws EpSamError `usage` when an input does not exist, there is no image, or the input is a dataset already;
 * `dataset` when two images have the same stem, since masks and patches are named after it.
 */
export async function findInputs(
  inputs: readonly string[],
  slideAdvice = SLIDES_TO_PREPARE,
): Promise<FoundInputs> {
  if (inputs.length === 0) throw noImages("the inputs", "Give a folder of images, or image files.");
  const images: InputImage[] = [];
  const skipped: SkippedInput[] = [];
  const labelsFiles: string[] = [];
  const emptyFolders: string[] = [];
  for (const { input, isFolder, files, namedFolders } of await listInputs(inputs)) {
    skipped.push(...namedFolders.map((file) => ({ file, reason: NAMED_FOLDER })));
    for (const { stem, path, kind } of files) {
      if (isRemotePath(path)) throw mustBeHere(path);
      if (isImage(kind)) images.push({ stem, path });
      else if (kind === "slide" || kind === "dicom")
        skipped.push({ file: path, reason: `${formatOf(path)} files are no plain images; ${slideAdvice}` });
      else if (kind === "unreadable-image")
        skipped.push({ file: path, reason: `${formatOf(path)} files are not read; save it as PNG or TIFF` });
      else if (kind === "labels") labelsFiles.push(path);
    }
    if (isFolder && !files.some(({ kind }) => isImage(kind) || kind === "labels")) emptyFolders.push(input);
  }
  const found = images.sort((a, b) => compareText(a.stem, b.stem));
  if (found.length === 0) throw await explainNoImages(inputs, skipped);
  for (const folder of emptyFolders) skipped.push({ file: folder, reason: "holds no images itself" });
  requireUniqueStems(found, "masks, patients, patches and results");
  if (labelsFiles.length > 1) {
    const action = "Put all patches and one labels.csv into one folder.";
    throw new EpSamError("usage", { what: `several inputs have a ${LABELS_FILE}`, action });
  }
  return { images: found, skipped, labelsFile: labelsFiles[0] ?? null };
}

function mustBeHere(path: string): EpSamError {
  return new EpSamError("usage", {
    where: path,
    what: "is on a server, and images are read from this machine",
    action:
      "Download it. Slides may stay where they are: `as: slides`, with `annotations` where a dataset is made.",
  });
}

function formatOf(path: string): string {
  return extname(path).toLowerCase() || "DICOM";
}

async function explainNoImages(
  inputs: readonly string[],
  skipped: readonly SkippedInput[],
): Promise<EpSamError> {
  for (const input of inputs) {
    if ((await patchFolders(input)).length > 0) {
      return noImages(input, "It is a dataset already: give it to `epsam train --data` as it is.");
    }
  }
  const isWanted = (name: string): boolean => !name.startsWith(".") && isImage(kindByExtension(name));
  const hint = await subfolderHint(inputs, "images", isWanted);
  if (hint !== null) {
    return noImages(inputs.join(", "), `${hint.action}. A folder of masks goes to \`masks\`.`, hint.why);
  }
  const first = skipped[0];
  const why =
    first === undefined
      ? undefined
      : `${skipped.length} files were passed over, ${first.file}: ${first.reason}`;
  return noImages(
    inputs.join(", "),
    "Give a folder that holds PNG, JPEG, TIFF, WebP or BMP images itself.",
    why,
  );
}

function noImages(where: string, action: string, why?: string): EpSamError {
  return new EpSamError("usage", { where, what: "holds no images", why, action });
}

/** Which masks are which image's. */
export interface MatchedMasks {
  /** The mask of each image that has one, by the image's stem. */
  readonly masks: ReadonlyMap<string, string>;
  /** Masks that belong to no image. */
  readonly unmatched: readonly string[];
}

/**
 * The masks that go with the images: named like them, or with `_mask` or `_anno` after that; any image extension.
 * @throws EpSamError `usage` when the folder does not exist; `input-mask` when several files could be one
 * image's mask.
 */
export async function matchMasks(images: readonly InputImage[], maskFolder: string): Promise<MatchedMasks> {
  const imagePaths = new Set(images.map(({ path }) => path));
  const stems = new Map(images.map(({ path, stem }) => [path, stem]));
  const pictures = new NamedPictures([...imagePaths]);
  const masks = new Map<string, string>();
  const unmatched: string[] = [];
  for (const { path, stem: name } of (await listInputs([maskFolder])).flatMap(({ files }) => files)) {
    if (!isImage(kindByExtension(path)) || imagePaths.has(path)) continue;
    const image = namesWithoutMask(name).flatMap((candidate) => pictures.find(candidate)?.path ?? [])[0];
    const stem = image === undefined ? undefined : stems.get(image);
    if (stem === undefined) unmatched.push(path);
    else {
      const other = masks.get(stem);
      if (other !== undefined) throw severalMasks(image, [other, path], maskFolder);
      masks.set(stem, path);
    }
  }
  return { masks, unmatched };
}

function severalMasks(image: string | undefined, masks: readonly string[], folder: string): EpSamError {
  return new EpSamError("input-mask", {
    where: image,
    what: `has several masks: ${masks.map((mask) => basename(mask)).join(", ")}`,
    action: `Keep one of them in ${folder}.`,
  });
}

/** What is told of masks that belong to no image; null when there are none. */
export function tellUnmatchedMasks(folder: string, unmatched: readonly string[]): string | null {
  if (unmatched.length === 0) return null;
  const files = unmatched.length === 1 ? "a file" : `${unmatched.length} files`;
  return `${basename(folder)} holds ${files} that are no mask of the images: ${listNames(unmatched.map((path) => basename(path)))}.`;
}

/** @throws EpSamError `input-mask` naming the images that have no mask. */
export function requireMasks(
  images: readonly InputImage[],
  masks: ReadonlyMap<string, string>,
  maskFolder: string,
): void {
  const missing = images.filter(({ stem }) => !masks.has(stem)).map(({ path }) => basename(path));
  if (missing.length === 0) return;
  throw new EpSamError("input-mask", {
    where: maskFolder,
    what: `has no mask for ${missing.length} of ${images.length} images: ${listNames(missing)}`,
    why: `a mask is named like its image, or with ${MASK_SUFFIXES.join(" or ")} after it`,
    action: "Add the masks (all black for an image without tumour), or leave these images out.",
  });
}

/**
 * Images to cut patches from, or ready patches? Patches when there is a `labels.csv`, or when every name ends in
 * `_0` or `_1` and no patch size was asked for.
 * @throws EpSamError `usage` when images come without masks.
 */
export function detectInputKind(
  found: FoundInputs,
  options: {
    readonly inputKind?: InputKind | undefined;
    readonly masks?: string | undefined;
    readonly patchSize?: number | undefined;
    readonly stride?: number | undefined;
  },
): InputKind {
  const unlabelled = found.images.filter(({ stem }) => !/_[01]$/.test(stem));
  const cutting = options.patchSize !== undefined || options.stride !== undefined;
  const looksReady = found.labelsFile !== null || (unlabelled.length === 0 && !cutting);
  const kind = options.inputKind ?? (looksReady ? "patches" : "images");
  if (kind === "images" && options.masks === undefined) {
    const examples = unlabelled.map(({ path }) => basename(path));
    throw new EpSamError("usage", {
      what: "images need masks to label their patches",
      why: examples.length > 0 ? `not ready patches ending in _0 or _1: ${listNames(examples)}` : undefined,
      action: `Give \`masks: FOLDER\`; for ready patches name all files <id>_0 or <id>_1, or add a ${LABELS_FILE}.`,
    });
  }
  const [first] = unlabelled;
  if (kind === "patches" && found.labelsFile === null && first !== undefined) {
    throw new EpSamError("dataset", {
      where: dirname(first.path),
      what: `holds patches without a label: ${listNames(unlabelled.map(({ path }) => basename(path)))}`,
      action: `Name all files <id>_0 or <id>_1, or add a ${LABELS_FILE} with the columns patch and label.`,
    });
  }
  return kind;
}
