import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join, resolve } from "node:path";
import { EpSamError, exists, isRemotePath, messageOf } from "../../common/index.js";
import {
  contentOfTiff,
  isAddressList,
  isSlide,
  type JudgedFile,
  judgeFilesByContent,
  listInputs,
  listNames,
  MANIFEST_FILE,
  patchFolders,
  RESULT_FILE,
  requireAnnotationFolder,
  slidesOfFolder,
  stemOf,
} from "../../dataset/index.js";
import { liesInside } from "./inside-root.js";
import { tellNotShown } from "./left-out.js";
import type { OpenWorkspace } from "./workspace.js";

/** Folders below what was given are looked through so deep. */
const MAX_DEPTH = 3;
/** A folder with more entries is not one of slides. */
const MAX_ENTRIES = 20_000;
const RUN_FILE = "run.json";
const SUMMARY_FILE = "summary.json";
/** What `epsam infer` writes beside the folders of its results. */
const SUMMARY_TABLE = "summary.csv";
/** Folders of this name hold annotation files, as those that `epsam demo` makes. */
const ANNOTATION_FOLDER = "annotations";

export interface RecogniseOptions {
  /** Is told what was left out, and why. */
  readonly warn: (message: string) => void;
  /** Is told of files that are nothing to show. */
  readonly note?: ((message: string) => void) | undefined;
  /** Takes annotation files of folders that were looked through: whose they are shows when all slides are known. */
  readonly foundAnnotations?: ((files: readonly string[]) => void) | undefined;
}

/** What a directory is. */
type DirectoryKind = "run" | "dataset" | "results" | "dicom-slide" | "folder";

/**
 * Adds what a path or address is: slides on servers, a slide or image, a folder of DICOM files, a dataset, a run, results of `epsam infer`, or a
 * folder that holds any of these.
 * @throws EpSamError `usage` when it does not exist
 */
export async function addInput(
  workspace: OpenWorkspace,
  input: string,
  options: RecogniseOptions,
): Promise<void> {
  if (isRemotePath(input) || (await isAddressList(input))) {
    for (const { files } of await listInputs([input])) {
      for (const { path, kind } of files) if (isSlide(kind)) workspace.addSlide(path);
    }
    return;
  }
  const root = await realPath(input);
  if (!(await stat(root)).isDirectory()) workspace.addSlide(root);
  else await new Walk(workspace, root, options).visit(root, 0);
}

/**
 * Adds a folder of annotation files, each named like its slide.
 * @throws EpSamError `usage` when it does not exist, is no folder or holds slides instead
 */
export async function addAnnotationFolder(workspace: OpenWorkspace, input: string): Promise<void> {
  const folder = await realPath(input);
  await requireAnnotationFolder(input);
  workspace.addAnnotationFolder(folder);
}

/**
 * Lets the page name files and folders below a folder; a file that is given allows nothing more.
 * @throws EpSamError `usage` when it does not exist
 */
export async function allowFolder(workspace: OpenWorkspace, input: string): Promise<void> {
  if (isRemotePath(input)) return;
  const root = await realPath(input);
  if ((await stat(root)).isDirectory()) workspace.allowFolder({ root, given: resolve(input) });
}

async function realPath(input: string): Promise<string> {
  try {
    return await realpath(input);
  } catch (cause) {
    throw new EpSamError(
      "usage",
      { where: input, what: "cannot be found", why: messageOf(cause), action: "Check the path." },
      { cause },
    );
  }
}

/** A walk through one folder that was given. */
class Walk {
  constructor(
    readonly workspace: OpenWorkspace,
    readonly root: string,
    readonly options: RecogniseOptions,
  ) {}

  async visit(folder: string, depth: number): Promise<void> {
    const entries = await this.#entries(folder);
    const kind = await kindOf(folder, entries);
    if (kind === "run") this.workspace.addRun(folder);
    else if (kind === "dataset") this.workspace.addDataset(folder);
    else if (kind === "dicom-slide") this.workspace.addSlide(folder);
    else {
      if (kind === "results") this.workspace.addResults(folder);
      // Results may lie among the slides.
      await this.#visitFolder(folder, entries, depth, kind === "results");
    }
  }

  async #visitFolder(
    folder: string,
    entries: readonly Dirent[],
    depth: number,
    isResults = false,
  ): Promise<void> {
    const links = await this.#leaveOutLinkedFolders(folder, entries);
    const files = await filesOf(
      folder,
      entries.filter((entry) => !links.has(entry) && !(isResults && entry.name === SUMMARY_TABLE)),
    );
    const { slides, images } = await this.#addFiles(folder, files, isResults ? MAX_DEPTH : depth);
    const { warnings, notes } = tellNotShown({
      folder,
      files,
      shown: [...slides, ...images],
      isOfSlides: images.length === 0 && (depth === 0 || slides.length > 0),
    });
    for (const warning of warnings) this.options.warn(warning);
    for (const note of notes) this.options.note?.(note);
    this.options.foundAnnotations?.(
      files.filter(({ kind }) => kind === "annotation").map(({ path }) => path),
    );
    const data = new Set(slides.map(dataFolderOf));
    const below: string[] = [];
    for (const entry of entries.filter((other) => other.isDirectory() && !data.has(other.name))) {
      const isResult = isResults && (await exists(join(folder, entry.name, RESULT_FILE)));
      if (!isResult) below.push(entry.name);
    }
    await this.#visitBelow(folder, below, depth);
  }

  async #visitBelow(folder: string, below: readonly string[], depth: number): Promise<void> {
    if (depth >= MAX_DEPTH && below.length > 0) {
      this.options.warn(
        `${folder}: folders more than ${MAX_DEPTH} levels below what was given are not looked through: ${listNames(below)}. Give them themselves.`,
      );
      return;
    }
    for (const name of below) {
      if (name.toLowerCase() === ANNOTATION_FOLDER) this.workspace.addAnnotationFolder(join(folder, name));
      await this.visit(join(folder, name), depth + 1);
    }
  }

  /** Links to folders are not followed, since they may lead anywhere, or in a circle. */
  async #leaveOutLinkedFolders(folder: string, entries: readonly Dirent[]): Promise<ReadonlySet<Dirent>> {
    const linked = new Set<Dirent>();
    for (const entry of entries.filter((link) => link.isSymbolicLink())) {
      const path = join(folder, entry.name);
      const target = await stat(path).catch(() => null);
      if (target?.isDirectory() !== true) continue;
      linked.add(entry);
      this.options.warn(`${path} is left out: it is a link to a folder; give that place itself to see it.`);
    }
    return linked;
  }

  /** Adds a folder's slides, or its images where it is one of images. @returns what is shown of it */
  async #addFiles(
    folder: string,
    files: readonly JudgedFile[],
    depth: number,
  ): Promise<{ readonly slides: readonly string[]; readonly images: readonly string[] }> {
    const slides = await slidesOfFolder(folder, files);
    // Pictures beside slides are overlays and thumbnails; a folder without slides may be one of images.
    const hasImages = depth === 0 && !(await holdsSlides(files));
    const images = hasImages ? files.flatMap(({ path, kind }) => (kind === "image" ? [path] : [])) : [];
    for (const file of [...slides, ...images]) {
      const path = await this.#inside(file);
      if (path !== null) this.workspace.addSlide(path);
    }
    return { slides, images };
  }

  /** A folder's entries in the order of their names; links stand for what they lead to. */
  async #entries(folder: string): Promise<Dirent[]> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
      this.options.warn(`${folder} cannot be read and is left out: ${messageOf(cause)}`);
      return [];
    });
    if (entries.length > MAX_ENTRIES) {
      this.options.warn(`${folder} has more than ${MAX_ENTRIES} entries and is left out.`);
      return [];
    }
    return entries.filter(({ name }) => !name.startsWith(".")).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Where a file really is; null, with a warning, when a link leads out of what was given. */
  async #inside(path: string): Promise<string | null> {
    const real = await realpath(path).catch(() => null);
    if (real !== null && liesInside(real, this.root)) return real;
    const why =
      real === null ? "leads nowhere" : `leads out of ${this.root}; give that place itself to see it`;
    this.options.warn(`${path} is left out: the link ${why}.`);
    return null;
  }
}

async function kindOf(folder: string, entries: readonly Dirent[]): Promise<DirectoryKind> {
  const names = new Set(entries.map(({ name }) => name));
  if (names.has(RUN_FILE)) return "run";
  if (names.has(MANIFEST_FILE) || (await patchFolders(folder)).length > 0) return "dataset";
  if (names.has(RESULT_FILE) || (await holdsResults(folder, entries))) return "results";
  const [slide] = await slidesOfFolder(folder, await filesOf(folder, entries));
  return slide === folder ? "dicom-slide" : "folder";
}

/** True for a folder with a folder of results per slide; results of images lie in it directly. */
async function holdsResults(folder: string, entries: readonly Dirent[]): Promise<boolean> {
  for (const entry of entries) {
    if (!entry.isDirectory()) continue;
    const files = [RESULT_FILE, SUMMARY_FILE].map((name) => exists(join(folder, entry.name, name)));
    if ((await Promise.all(files)).every(Boolean)) return true;
  }
  return false;
}

/** Whether files of a folder are slides for sure: TIFF files may be plain images. */
async function holdsSlides(files: readonly JudgedFile[]): Promise<boolean> {
  if (files.some(({ kind }) => kind === "slide" || kind === "dicom")) return true;
  for (const { path } of files.filter(({ kind }) => kind === "tiff")) {
    if ((await contentOfTiff(path)) === "slide") return true;
  }
  return false;
}

/** The folder beside a slide that holds its tiles and data, where its format has one. */
function dataFolderOf(slide: string): string | null {
  const extension = extname(slide).toLowerCase();
  if (extension === ".dzi") return `${stemOf(slide)}_files`;
  if (extension === ".vsi") return `_${stemOf(slide)}_`;
  return [".mrxs", ".vms", ".vmu"].includes(extension) ? stemOf(slide) : null;
}

function filesOf(folder: string, entries: readonly Dirent[]): Promise<JudgedFile[]> {
  return judgeFilesByContent(
    entries.filter((entry) => !entry.isDirectory()).map(({ name }) => join(folder, name)),
  );
}
