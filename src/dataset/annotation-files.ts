import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EpSamError } from "../common/index.js";
import { isSlide, listInputs, requireExisting, stemOf } from "./file-kinds.js";
import { NamedPictures } from "./file-names.js";

/** Which annotation files are which slide's. */
export interface AnnotationFiles {
  /** The file of each slide that has one, by the slide's path. */
  readonly ofSlides: ReadonlyMap<string, string>;
  /** Files that could be of a slide by its short name, and are another's, by the path of the one without. */
  readonly doubtful: ReadonlyMap<string, string>;
  /** Files that belong to no slide. */
  readonly unmatched: readonly string[];
}

/**
 * Finds the annotation files of slides by their names, which may have the slide's extension or not (`a.xml`,
 * `a.svs.geojson`; of `a.ome.tif` also `a.geojson`).
 * @param folders their subfolders are not searched
 * @throws EpSamError `usage` when there is no such folder, or it holds slides instead; `annotation` when two files are
 *   one slide's
 */
export async function matchAnnotations(
  slides: readonly string[],
  folders: readonly string[],
): Promise<AnnotationFiles> {
  for (const folder of folders) await requireAnnotationFolder(folder);
  return matchAnnotationFiles(slides, await annotationFilesIn(folders));
}

/** The annotation files in folders, each folder once. */
export async function annotationFilesIn(folders: readonly string[]): Promise<string[]> {
  const distinct = [...new Map(folders.map((path) => [resolve(path), path])).values()];
  const files = (await listInputs(distinct)).flatMap((input) => input.files);
  return files.filter(({ kind }) => kind === "annotation").map(({ path }) => path);
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
      for (const rival of match.rivals) doubtful.set(rival, path);
    }
  }
  for (const slide of ofSlides.keys()) doubtful.delete(slide);
  return { ofSlides, doubtful, unmatched: unmatchedAnnotations(slides, files) };
}

/** @throws EpSamError `usage` when there is no such folder, or it holds slides instead */
export async function requireAnnotationFolder(folder: string): Promise<void> {
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
