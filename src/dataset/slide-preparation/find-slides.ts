import { readdir, stat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { EpSamError, exists } from "../../common/index.js";
import { stemOf } from "../preparation/discover.js";
import type { SkippedInput } from "../preparation/options.js";
import { subfolderHint } from "../preparation/subfolders.js";
import { compareText } from "../records.js";
import type { UnannotatedRule } from "./options.js";

/** Extensions that slides have; in a folder, other files are left alone. */
const SLIDE_EXTENSIONS = new Set(
  (
    ".tif .tiff .btf .tf8 .svs .svslide .ndpi .mrxs .scn .bif .vms .vmu .dzi " + ".qptiff .czi .vsi .isyntax"
  ).split(" "),
);
const ANNOTATION_EXTENSIONS = new Set([".xml", ".geojson", ".json"]);

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
  const paths = (await Promise.all(inputs.map(listSlides))).flat();
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
  const isSlide = (name: string): boolean =>
    !name.startsWith(".") && (isSlideName(name) || extname(name).toLowerCase() === ".dcm");
  const hint = await subfolderHint(inputs, "slides", isSlide);
  return new EpSamError("usage", {
    where: inputs.join(", "),
    what: "holds no slides",
    why: hint?.why ?? `known by ${[...SLIDE_EXTENSIONS].join(", ")} or a folder of .dcm files`,
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
  return uniqueStems((await Promise.all(inputs.map(listSlides))).flat());
}

/**
 * The file in a folder that annotates a slide, or null.
 * @throws EpSamError `usage` when there is no such folder, `annotation` when several files could be the slide's
 */
export async function findAnnotation(stem: string, folder: string): Promise<string | null> {
  return annotationOf(stem, await listAnnotations(folder));
}

/** True when a file is a slide as far as its extension tells; TIFF files may be ordinary images, too. */
export function isSlideName(name: string): boolean {
  return SLIDE_EXTENSIONS.has(extname(name).toLowerCase());
}

async function listSlides(input: string): Promise<string[]> {
  await requireExisting(input);
  if (!(await stat(input)).isDirectory()) return [input];
  const entries = (await readdir(input, { withFileTypes: true })).filter(({ name }) => !name.startsWith("."));
  const names = entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  if (names.some((name) => extname(name).toLowerCase() === ".dcm")) return [resolve(input)];
  const stems = new Set(names.map(stemOf));
  const isSlide = (name: string): boolean =>
    isSlideName(name) && !(name.includes("_mask.") && stems.has(stemOf(name).replace(/_mask$/, "")));
  return names.filter(isSlide).map((name) => join(input, name));
}

/** Annotation files by the slide's name in lower case. */
async function listAnnotations(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  await requireExisting(folder);
  if (!(await stat(folder)).isDirectory()) {
    const action = "Give the folder that holds one annotation file per slide.";
    throw new EpSamError("usage", { where: folder, what: "is no folder", action });
  }
  const byStem = new Map<string, string[]>();
  for (const name of (await readdir(folder)).sort(compareText)) {
    if (name.startsWith(".") || !ANNOTATION_EXTENSIONS.has(extname(name).toLowerCase())) continue;
    const key = stemOf(name).toLowerCase();
    byStem.set(key, [...(byStem.get(key) ?? []), join(folder, name)]);
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

async function requireExisting(path: string): Promise<void> {
  if (await exists(path)) return;
  throw new EpSamError("usage", { where: path, what: "does not exist", action: "Check the path." });
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
