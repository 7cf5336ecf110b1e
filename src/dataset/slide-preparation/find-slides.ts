import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { EpSamError } from "../../common/index.js";
import {
  isSlide,
  type JudgedFile,
  kindByExtension,
  listInputs,
  requireExisting,
  slideExtensions,
  stemOf,
} from "../file-kinds.js";
import type { SkippedInput } from "../preparation/options.js";
import { subfolderHint } from "../preparation/subfolders.js";
import { compareText } from "../records.js";
import type { UnannotatedRule } from "./options.js";

/** A slide with the annotations that belong to it. */
export interface SlideFile {
  /** File name without extension: the slide's name in the dataset. */
  readonly stem: string;
  readonly path: string;
  /** Null for a slide that counts as free of tumour. */
  readonly annotationPath: string | null;
}

export interface FoundSlides {
  /** Ordered by stem. */
  readonly slides: readonly SlideFile[];
  readonly skipped: readonly SkippedInput[];
}

/**
 * The slides among files and folders (not their subfolders; a folder of DICOM files is one slide), each with the
 * file of the same name, whatever its case, among the annotations.
 * @throws EpSamError `usage` when an input or the folder of annotations does not exist or there is no slide;
 *   `dataset` when two slides have the same name; `annotation` when several files could be one slide's
 */
export async function findSlides(
  inputs: readonly string[],
  annotationFolder: string,
  unannotated: UnannotatedRule,
): Promise<FoundSlides> {
  const paths = await listSlides(inputs);
  if (paths.length === 0) throw await noSlides(inputs);
  const annotations = await listAnnotations(annotationFolder);
  const slides: SlideFile[] = [];
  const skipped: SkippedInput[] = [];
  for (const { stem, path } of uniqueStems(paths)) {
    const annotationPath = annotationOf(stem, annotations);
    if (annotationPath !== null || unannotated === "normal") slides.push({ stem, path, annotationPath });
    else {
      const reason = `has no annotation file ${stem}.xml, .geojson or .json; pass \`unannotated: normal\` if such slides are free of tumour`;
      skipped.push({ file: path, reason });
    }
  }
  return { slides, skipped };
}

async function noSlides(inputs: readonly string[]): Promise<EpSamError> {
  const isWanted = (name: string): boolean => {
    const kind = kindByExtension(name);
    return !name.startsWith(".") && (isSlide(kind) || kind === "dicom");
  };
  const hint = await subfolderHint(inputs, "slides", isWanted);
  return new EpSamError("usage", {
    where: inputs.join(", "),
    what: "holds no slides",
    why: hint?.why ?? `known by ${slideExtensions().join(", ")} or a folder of .dcm files`,
    action: hint === null ? "Give the slides, or the folder that holds them itself." : `${hint.action}.`,
  });
}

/**
 * The slides among files and folders (not their subfolders; a folder of DICOM files is one slide), without
 * annotations; ordered by stem.
 * @throws EpSamError `usage` when an input does not exist, `dataset` when two slides have the same name
 */
export async function findSlideFiles(
  inputs: readonly string[],
): Promise<Omit<SlideFile, "annotationPath">[]> {
  return uniqueStems(await listSlides(inputs));
}

/**
 * The file in a folder that annotates a slide, or null.
 * @throws EpSamError `usage` when there is no such folder, `annotation` when several files could be the slide's
 */
export async function findAnnotation(stem: string, folder: string): Promise<string | null> {
  return annotationOf(stem, await listAnnotations(folder));
}

/** Files are taken as they are given, apart from masks; in a folder, what is no slide is left alone. */
async function listSlides(inputs: readonly string[]): Promise<string[]> {
  return (await listInputs(inputs)).flatMap(({ input, isFolder, files }) =>
    isFolder
      ? slidesOfFolder(input, files)
      : files.flatMap(({ path, kind }) => (kind === "mask" ? [] : [path])),
  );
}

function slidesOfFolder(folder: string, files: readonly JudgedFile[]): string[] {
  const slides = files.filter(({ kind }) => isSlide(kind)).map(({ path }) => path);
  const dicom = files.find(({ kind }) => kind === "dicom");
  const [slide] = slides;
  if (dicom === undefined) return slides;
  if (slide === undefined) return [resolve(folder)];
  throw new EpSamError("usage", {
    where: folder,
    what: `holds DICOM files and other slides, such as ${basename(dicom.path)} and ${basename(slide)}`,
    why: "a folder of DICOM files is one slide",
    action: "Give the DICOM files of each slide a folder of their own.",
  });
}

/** Annotation files by the slide's name in lower case. */
async function listAnnotations(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  await requireExisting(folder);
  if (!(await stat(folder)).isDirectory()) {
    const action = "Give the folder that holds one annotation file per slide.";
    throw new EpSamError("usage", { where: folder, what: "is no folder", action });
  }
  const byStem = new Map<string, string[]>();
  for (const { path, stem, kind } of (await listInputs([folder])).flatMap(({ files }) => files)) {
    if (kind !== "annotation") continue;
    const key = stem.toLowerCase();
    byStem.set(key, [...(byStem.get(key) ?? []), path]);
  }
  return byStem;
}

function annotationOf(stem: string, annotations: ReadonlyMap<string, readonly string[]>): string | null {
  const [path, second] = annotations.get(stem.toLowerCase()) ?? [];
  if (path !== undefined && second !== undefined) {
    throw new EpSamError("annotation", {
      where: path,
      what: `and ${basename(second)} could both be the annotations of ${stem}`,
      action: "Keep one of them in the folder.",
    });
  }
  return path ?? null;
}

/** Compared without case, since patches are named after slides and may go to a disk that ignores it. */
function uniqueStems(paths: readonly string[]): { readonly stem: string; readonly path: string }[] {
  const first = new Map<string, string>();
  const slides = paths.map((path) => ({ stem: stemOf(path), path }));
  for (const { stem, path } of slides) {
    const other = first.get(stem.toLowerCase());
    if (other !== undefined) {
      throw new EpSamError("dataset", {
        where: path,
        what: `has the same name as ${other}`,
        why: "annotations, patients and patches are matched by file name without extension",
        action: "Rename or remove one of them.",
      });
    }
    first.set(stem.toLowerCase(), path);
  }
  return slides.sort((a, b) => compareText(a.stem, b.stem));
}
