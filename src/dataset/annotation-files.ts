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
  const files: string[] = [];
  for (const folder of new Map(folders.map((path) => [resolve(path), path])).values())
    files.push(...(await annotationFilesOf(folder)));
  return matchAnnotationFiles(slides, files);
}

/** As {@link matchAnnotations}, of files. @throws EpSamError `annotation` when two are one slide's */
export function matchAnnotationFiles(slides: readonly string[], files: readonly string[]): AnnotationFiles {
  const pictures = new NamedPictures(slides);
  const ofSlides = new Map<string, string>();
  const doubtful = new Map<string, string>();
  const unmatched: string[] = [];
  for (const path of files) {
    const match = pictures.find(stemOf(path));
    if (match === null) unmatched.push(path);
    else {
      const other = ofSlides.get(match.path);
      if (other !== undefined) throw severalFiles(match.path, other, path);
      ofSlides.set(match.path, path);
      for (const rival of match.rivals) doubtful.set(rival, path);
    }
  }
  for (const slide of ofSlides.keys()) doubtful.delete(slide);
  return { ofSlides, doubtful, unmatched };
}

async function annotationFilesOf(folder: string): Promise<string[]> {
  await requireExisting(folder);
  const action = "Give the folder that holds one annotation file per slide.";
  if (!(await stat(folder)).isDirectory()) {
    throw new EpSamError("usage", { where: folder, what: "is no folder", action });
  }
  const files = (await listInputs([folder])).flatMap((input) => input.files);
  const found = files.filter(({ kind }) => kind === "annotation").map(({ path }) => path);
  if (found.length > 0 || !files.some(({ kind }) => isSlide(kind))) return found;
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
