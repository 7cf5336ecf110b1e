import { stat } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import { EpSamError, isRemotePath, remotePath } from "../common/index.js";
import {
  isSlide,
  type JudgedFile,
  type ListedInput,
  listInputs,
  namesWithoutMask,
  requireExisting,
  stemOf,
} from "./file-kinds.js";
import { NamedPictures } from "./file-names.js";

/** Which annotation files are which slide's. */
export interface AnnotationFiles {
  /** The file of each slide that has one, by the slide's path. */
  readonly ofSlides: ReadonlyMap<string, string>;
  /** Of slides without: what file could be theirs, and why it is not taken, by the slide's path. */
  readonly doubtful: ReadonlyMap<string, string>;
  /** Files that belong to no slide. */
  readonly unmatched: readonly string[];
}

/**
 * Finds the annotation files of slides by their names, which may have the slide's extension or not (`a.xml`,
 * `a.svs.geojson`; of `a.ome.tif` also `a.geojson`).
 * @param folders their subfolders are not searched
 * @throws EpSamError `usage` when there is no such folder, it holds other files instead; `annotation`
 *   when two files are one slide's
 */
export async function matchAnnotations(
  slides: readonly string[],
  folders: readonly string[],
): Promise<AnnotationFiles> {
  for (const folder of folders) await requireAnnotationFolder(folder);
  const listed = await listFolders(folders);
  for (const { input, files } of listed) requireAnyAnnotation(input, files);
  const files = listed.flatMap((input) => input.files);
  const match = matchAnnotationFiles(
    slides,
    files.filter(isAnnotation).map(({ path }) => path),
  );
  return { ...match, doubtful: new Map([...unreadAnnotations(slides, files, match), ...match.doubtful]) };
}

/** The annotation files in folders, each folder once. */
export async function annotationFilesIn(folders: readonly string[]): Promise<string[]> {
  const files = (await listFolders(folders)).flatMap((input) => input.files);
  return files.filter(isAnnotation).map(({ path }) => path);
}

function listFolders(folders: readonly string[]): Promise<ListedInput[]> {
  return listInputs([...new Map(folders.map((path) => [resolve(path), path])).values()]);
}

function isAnnotation({ kind }: JudgedFile): boolean {
  return kind === "annotation";
}

function requireAnyAnnotation(folder: string, files: readonly JudgedFile[]): void {
  // An empty one may stand for slides of which none has tumour.
  if (files.length === 0 || files.some(isAnnotation)) return;
  throw new EpSamError("usage", {
    where: folder,
    what: "holds no annotation files",
    why: "known by .xml, .geojson and .json",
    action: "Give the folder that holds one annotation file per slide itself.",
  });
}

/** Files of other programs and packed ones, which tell that somebody annotated a slide, wherever they lie. */
const UNREAD_FORMATS = new Set([".ndpa", ".qpdata", ".gz", ".zip"]);

/**
 * Files named like slides without annotations, and of no format that is read: masks and what other programs write.
 * Beside its slide, where anything may lie, only what is known to be such.
 */
function unreadAnnotations(
  slides: readonly string[],
  files: readonly JudgedFile[],
  { ofSlides }: AnnotationFiles,
): ReadonlyMap<string, string> {
  const [known, pictures] = [new Set(slides.map((path) => resolve(path))), new NamedPictures(slides)];
  const found = new Map<string, string>();
  for (const { path, kind } of files) {
    if (kind === "annotation" || kind === "result" || known.has(resolve(path))) continue;
    const slide = namesWithin(path).flatMap((name) => pictures.find(name)?.path ?? [])[0];
    if (slide === undefined || ofSlides.has(slide)) continue;
    const isBeside = dirname(resolve(slide)) === dirname(resolve(path));
    if (isBeside && !UNREAD_FORMATS.has(extname(path).toLowerCase())) continue;
    found.set(slide, `${path} is named like it, and of no format of annotations that is read`);
  }
  return found;
}

/** What a file may be called after: its name without its extension (of a packed file both), and what masks add. */
function namesWithin(path: string): string[] {
  const unpacked = basename(path).replace(/\.(?:gz|zip)$/i, "");
  return namesWithoutMask(basename(unpacked, extname(unpacked)));
}

/** The annotation files among files that are named like no slide. */
export function unmatchedAnnotations(slides: readonly string[], files: readonly string[]): string[] {
  const pictures = new NamedPictures(slides);
  return files.filter((path) => pictures.find(stemOf(path)) === null);
}

/** As {@link matchAnnotations}, of files. @throws EpSamError `annotation` when two are one slide's */
export function matchAnnotationFiles(slides: readonly string[], files: readonly string[]): AnnotationFiles {
  const pictures = new NamedPictures(slides);
  const ofSlides = new Map<string, string>();
  const doubtful = new Map<string, string>();
  for (const path of files) {
    const match = pictures.find(stemOf(path));
    if (match !== null) {
      const other = ofSlides.get(match.path);
      if (other !== undefined) throw severalFiles(match.path, other, path);
      ofSlides.set(match.path, path);
      const reason = `${path} could be its, and is taken for another slide's by its name`;
      for (const rival of match.rivals) doubtful.set(rival, reason);
    }
  }
  for (const slide of ofSlides.keys()) doubtful.delete(slide);
  return { ofSlides, doubtful, unmatched: unmatchedAnnotations(slides, files) };
}

/** @throws EpSamError `usage` when there is no such folder, or it holds slides instead */
export async function requireAnnotationFolder(folder: string): Promise<void> {
  if (isRemotePath(folder)) {
    const where = remotePath(folder);
    const why = "slides may stay where they are, their annotations may not";
    throw new EpSamError("usage", {
      where,
      what: "is no folder of this machine",
      why,
      action: "Download them.",
    });
  }
  await requireExisting(folder);
  const action = "Give the folder that holds one annotation file per slide.";
  if (!(await stat(folder)).isDirectory()) {
    throw new EpSamError("usage", { where: folder, what: "is no folder", action });
  }
  const files = (await listInputs([folder])).flatMap((input) => input.files);
  if (files.some(({ kind }) => kind === "annotation") || !files.some(({ kind }) => isSlide(kind))) return;
  throw new EpSamError("usage", {
    where: folder,
    what: "holds slides and no annotation files",
    why: "all folders after `annotations` are taken for folders of annotations",
    action: `${action} Inputs go before \`annotations\`.`,
  });
}

function severalFiles(slide: string, path: string, second: string): EpSamError {
  return new EpSamError("annotation", {
    where: path,
    what: `and ${second} could both be the annotations of ${stemOf(slide)}`,
    action: "Keep one of them, or join both in one file.",
  });
}
