import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import {
  closing,
  compareText,
  EpSamError,
  exists,
  isEpSamError,
  isRemotePath,
  remotePath,
} from "../common/index.js";
import {
  type DicomGroup,
  groupDicomFiles,
  isDicomFile,
  isTiledTiff,
  listBucket,
  openSlide,
} from "../slides/index.js";
import { isAddressList, readAddressList } from "./address-list.js";
import { SPLITS } from "./records.js";

/**
 * What a file in a folder is, by its own name and those beside it:
 * - `slide`: of a format that only slides have;
 * - `tiff`: a slide or an ordinary image, which {@link contentOfTiff} tells;
 * - `dicom`: one file of a DICOM slide, whose other files lie beside it;
 * - `image`: an ordinary image;
 * - `unreadable-image`: an image of a format that is not read;
 * - `mask`: the mask of a slide or image beside it;
 * - `annotation`: a file that may hold annotations;
 * - `labels`: the labels of ready patches;
 * - `result`: written by `epsam infer` for a slide;
 * - `other`: none of these.
 */
export type FileKind =
  | "slide"
  | "tiff"
  | "dicom"
  | "image"
  | "unreadable-image"
  | "mask"
  | "annotation"
  | "labels"
  | "result"
  | "other";

export interface JudgedFile {
  readonly path: string;
  /** File name without extension. */
  readonly stem: string;
  readonly kind: FileKind;
}

/** The file in a folder of ready patches that gives their labels. */
export const LABELS_FILE = "labels.csv";
/** The file that marks a folder as results of inference. */
export const RESULT_FILE = "inference.json";

/** What inference writes for a slide beside {@link RESULT_FILE}. */
const SLIDE_RESULTS = new Set(
  "mask.tif probability.tif activation.tif tumour.geojson tumour.xml overlay.png summary.json".split(" "),
);

const KINDS_BY_EXTENSION = new Map<string, FileKind>(
  (
    [
      ["tiff", ".tif .tiff"],
      ["slide", ".btf .tf8 .svs .svslide .ndpi .mrxs .scn .bif .vms .vmu .dzi .qptiff .czi .vsi .isyntax"],
      ["dicom", ".dcm"],
      ["image", ".png .jpg .jpeg .webp .bmp"],
      ["unreadable-image", ".gif .jp2"],
      ["annotation", ".xml .geojson .json"],
    ] as const
  ).flatMap(([kind, extensions]) => extensions.split(" ").map((extension) => [extension, kind] as const)),
);

/** What follows a picture's stem in the name of its mask (`_anno` as in GlaS). */
export const MASK_SUFFIXES = ["_mask", "_anno"] as const;

/** What the picture of a mask of this name may be called. */
export function namesWithoutMask(mask: string): string[] {
  const shorter = MASK_SUFFIXES.filter((suffix) => mask.endsWith(suffix));
  return [mask, ...shorter.map((suffix) => mask.slice(0, -suffix.length))];
}

/** Extensions that slides have, TIFF's among them. */
export function slideExtensions(): string[] {
  return [...KINDS_BY_EXTENSION].flatMap(([extension, kind]) => (isSlide(kind) ? [extension] : []));
}

/** True for what may be a slide by its name, apart from DICOM. */
export function isSlide(kind: FileKind): boolean {
  return kind === "slide" || kind === "tiff";
}

/** True for what may be an ordinary image by its name. */
export function isImage(kind: FileKind): boolean {
  return kind === "image" || kind === "tiff";
}

/** What a file is by its extension alone, whatever lies beside it. */
export function kindByExtension(path: string): FileKind {
  return KINDS_BY_EXTENSION.get(extname(path).toLowerCase()) ?? "other";
}

/** A file's name without its extension; a dot in a name is none, as in `case1.HE` and the UIDs of DICOM. */
export function stemOf(path: string): string {
  return kindByExtension(path) === "other" ? basename(path) : basename(path, extname(path));
}

/** Judges files, each by its name and by the others of the list; in the order given. */
export function judgeFiles(paths: readonly string[]): JudgedFile[] {
  const pictures = new Set(paths.filter((path) => isPicture(kindByExtension(path))).map(stemOf));
  const results = new Set(paths.filter((path) => basename(path) === RESULT_FILE).map(dirname));
  const kindOf = (path: string, stem: string): FileKind => {
    const [name, kind] = [basename(path), kindByExtension(path)];
    if (name === LABELS_FILE) return "labels";
    if (results.has(dirname(path)) && (name === RESULT_FILE || SLIDE_RESULTS.has(name))) return "result";
    const isMask = MASK_SUFFIXES.some(
      (suffix) => stem.endsWith(suffix) && pictures.has(stem.slice(0, -suffix.length)),
    );
    return isMask && isPicture(kind) ? "mask" : kind;
  };
  return paths.map((path) => {
    const stem = stemOf(path);
    return { path, stem, kind: kindOf(path, stem) };
  });
}

/** As {@link judgeFiles}; files without an extension are looked into, since those of DICOM mostly have none. */
export async function judgeFilesByContent(paths: readonly string[]): Promise<JudgedFile[]> {
  return Promise.all(
    judgeFiles(paths).map(async (file) => {
      if (isRemotePath(file.path)) return remoteFile(file);
      return file.kind === "other" && (await isDicomFile(file.path))
        ? { ...file, kind: "dicom" as const }
        : file;
    }),
  );
}

/** Nobody looks into files on servers here: opening them tells, and refuses what must be on this machine. */
function remoteFile(file: JudgedFile): JudgedFile {
  return file.kind === "dicom" ? { ...file, kind: "slide" } : file;
}

/**
 * The slides of a folder by its files: each one of a slide's format, and each series of DICOM files, by the first of
 * them; a folder of one series alone is the slide itself.
 */
export async function slidesOfFolder(folder: string, files: readonly JudgedFile[]): Promise<string[]> {
  const slides = files.filter(({ kind }) => isSlide(kind)).map(({ path }) => path);
  const dicom = await groupDicomFiles(pathsOfDicom(files));
  if (dicom.length === 0) return slides;
  const isOneSlide = slides.length === 0 && dicom.filter(({ series }) => series !== null).length <= 1;
  return isOneSlide ? [folder] : [...slides, ...firstOfEach(dicom)].sort(compareText);
}

/** The slides among files that were given one by one: all but masks, and of DICOM the first file of each series. */
export async function slidesOfFiles(files: readonly JudgedFile[]): Promise<string[]> {
  const others = files.filter(({ kind }) => kind !== "mask" && kind !== "dicom").map(({ path }) => path);
  return [...others, ...firstOfEach(await groupDicomFiles(pathsOfDicom(files)))];
}

function pathsOfDicom(files: readonly JudgedFile[]): string[] {
  return files.filter(({ kind }) => kind === "dicom").map(({ path }) => path);
}

function firstOfEach(groups: readonly DicomGroup[]): string[] {
  return groups.flatMap(({ paths }) => paths.slice(0, 1));
}

function isPicture(kind: FileKind): boolean {
  return isSlide(kind) || isImage(kind);
}

/** One of the files and folders that a command was given. */
export interface ListedInput {
  readonly input: string;
  readonly isFolder: boolean;
  /** Those of a folder, without hidden ones and subfolders, by name; or the file itself. */
  readonly files: readonly JudgedFile[];
  /** Subfolders that are named like slides or images. */
  readonly namedFolders: readonly string[];
}

/** Why those are left out. */
export const NAMED_FOLDER =
  "is a folder that is named like a slide or an image; give it by itself if it holds any";

/**
 * Lists files and folders (not their subfolders). All are judged together, so that masks are known also where a shell
 * has turned a folder into a list of its files.
 * @throws EpSamError `usage` when an input does not exist
 */
export async function listInputs(inputs: readonly string[]): Promise<ListedInput[]> {
  const listed = await Promise.all(
    inputs.map(remotePath).map(async (input) => {
      if (isRemotePath(input)) return listRemote(input);
      await requireExisting(input);
      if (await isAddressList(input)) {
        return { input, isFolder: false, paths: await readAddressList(input), namedFolders: [] };
      }
      const isFolder = (await stat(input)).isDirectory();
      const entries = isFolder ? await entriesOf(input) : { paths: [input], namedFolders: [] };
      return { input, isFolder, ...entries };
    }),
  );
  const judged = await judgeFilesByContent(listed.flatMap(({ paths }) => paths));
  let first = 0;
  return listed.map(({ paths, ...rest }) => {
    const files = judged.slice(first, first + paths.length).map((file) => givenFile(file, rest.isFolder));
    first += paths.length;
    return { ...rest, files };
  });
}

/** A prefix of a bucket is like a folder; any other address is a file. */
async function listRemote(input: string) {
  if (!input.endsWith("/")) return { input, isFolder: false, paths: [input], namedFolders: [] };
  const { files, folders } = await listBucket(input);
  return { input, isFolder: true, paths: files, namedFolders: folders.filter(isNamedLikePicture) };
}

function isNamedLikePicture(folder: string): boolean {
  return isPicture(kindByExtension(folder.replace(/\/$/, "")));
}

/** An address that was given by itself is meant as a slide, whatever its name. */
function givenFile(file: JudgedFile, isFolder: boolean): JudgedFile {
  const isMeant = !isFolder && file.kind === "other" && isRemotePath(file.path);
  return isMeant ? { ...file, kind: "slide" } : file;
}

async function entriesOf(folder: string): Promise<{ paths: string[]; namedFolders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true });
  const of = (isWanted: (entry: Dirent) => boolean): string[] =>
    entries
      .filter((entry) => !entry.name.startsWith(".") && isWanted(entry))
      .map((entry) => join(folder, entry.name))
      .sort(compareText);
  return {
    paths: of((entry) => !entry.isDirectory()),
    namedFolders: of((entry) => entry.isDirectory() && isPicture(kindByExtension(entry.name))),
  };
}

/** @throws EpSamError `usage` when there is nothing at the path */
export async function requireExisting(path: string): Promise<void> {
  if (await exists(path)) return;
  throw new EpSamError("usage", { where: path, what: "does not exist", action: "Check the path." });
}

/** The folders of a dataset's patches; none when a folder is no dataset. */
export async function patchFolders(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (const split of SPLITS) {
    const images = join(folder, split, "image");
    if (await exists(images)) folders.push(images);
  }
  return folders;
}

/**
 * Tells by what a TIFF file holds whether it is a slide, since an ordinary image has neither tiles nor a pyramid, be its
 * pixels readable or not; null when it is damaged, which is reported by whoever goes on with it.
 *
 * What lies on a server is a slide: looking into each of a thousand would take long.
 */
export async function contentOfTiff(file: string): Promise<"slide" | "image" | null> {
  if (isRemotePath(file)) return "slide";
  try {
    return await closing(openSlide(file), async (source) => {
      const isTiled = source.levels.length > 1 || source.levels.some(({ tileSize }) => tileSize !== null);
      return isTiled ? "slide" : "image";
    });
  } catch (failure) {
    if (isEpSamError(failure, "slide")) return contentOfUnreadableTiff(file);
    throw failure;
  }
}

async function contentOfUnreadableTiff(file: string): Promise<"slide" | "image" | null> {
  try {
    return (await isTiledTiff(file)) ? "slide" : "image";
  } catch (failure) {
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  }
}
