import { compareText, EpSamError } from "../../common/index.js";
import { matchAnnotations } from "../annotation-files.js";
import {
  isSlide,
  type JudgedFile,
  kindByExtension,
  listInputs,
  NAMED_FOLDER,
  slideExtensions,
  slidesOfFiles,
  slidesOfFolder,
  stemOf,
} from "../file-kinds.js";
import { requireUniqueStems } from "../file-names.js";
import { listNames } from "../list-names.js";
import type { SkippedInput } from "../preparation/options.js";
import { subfolderHint } from "../preparation/subfolders.js";
import type { UnannotatedRule } from "./options.js";
import { type ProfileName, profiles, splitInProfile } from "./profiles.js";

/** A slide among the inputs. */
export interface NamedSlide {
  /** File name without extension: the slide's name in the dataset. */
  readonly stem: string;
  readonly path: string;
}

/** A slide with the annotations that belong to it. */
export interface SlideFile extends NamedSlide {
  /** Null for a slide that counts as free of tumour. */
  readonly annotationPath: string | null;
}

/** The slides among inputs, and what is none. */
export interface ListedSlides {
  /** Ordered by stem. */
  readonly slides: readonly NamedSlide[];
  /** Folders without slides. */
  readonly skipped: readonly SkippedInput[];
  /** Files of folders that are no slides by their names. */
  readonly leftAlone: readonly string[];
}

/** Slides that can be prepared, with their annotations. */
export interface FoundSlides extends Pick<ListedSlides, "skipped" | "leftAlone"> {
  /** Ordered by stem. */
  readonly slides: readonly SlideFile[];
  /** Slides that the profile does not have, or leaves out. */
  readonly outsideProfile: number;
  /** Annotation files that belong to no slide. */
  readonly unmatched: readonly string[];
  /** Whether slides have no annotation file. */
  readonly isAnyUnannotated: boolean;
  /** How many of them are left out as they should be. */
  readonly unannotated: number;
}

/**
 * The slides among files and folders (not their subfolders; see {@link slidesOfFolder}), each with its annotation file.
 * @throws EpSamError `usage` when an input or a folder of annotations does not exist or there is no slide;
 *   `dataset` when two slides have the same name; `annotation` when several files could be one slide's
 */
export async function findSlides(
  inputs: readonly string[],
  annotationFolders: readonly string[],
  { unannotated, profile }: { readonly unannotated: UnannotatedRule; readonly profile: ProfileName | null },
): Promise<FoundSlides> {
  const listed = await listSlides(inputs);
  if (listed.slides.length === 0) throw await noSlides(inputs);
  const paths = listed.slides.map(({ path }) => path);
  const { ofSlides, doubtful, unmatched } = await matchAnnotations(paths, annotationFolders);
  const wanted = listed.slides.filter(
    ({ stem }) => profile === null || "split" in splitInProfile(profile, stem),
  );
  if (profile !== null && wanted.length === 0) throw noneInProfile(listed.slides, profile);
  const slides: SlideFile[] = [];
  let left = 0;
  const skipped = [...listed.skipped];
  for (const slide of wanted) {
    const annotationPath = ofSlides.get(slide.path) ?? null;
    const other = doubtful.get(slide.path);
    const none = `has no annotation file ${slide.stem}.xml, .geojson or .json`;
    if (other !== undefined) {
      skipped.push({ file: slide.path, reason: `${none} of its own; ${other}` });
    } else if (annotationPath !== null || unannotated === "normal") slides.push({ ...slide, annotationPath });
    else if (unannotated === "leave") left += 1;
    else {
      const reason = `${none}; pass \`unannotated: normal\` if such slides are free of tumour`;
      skipped.push({ file: slide.path, reason });
    }
  }
  return {
    slides,
    skipped,
    leftAlone: listed.leftAlone,
    outsideProfile: listed.slides.length - wanted.length,
    unmatched,
    isAnyUnannotated: wanted.some(({ path }) => !ofSlides.has(path)),
    unannotated: left,
  };
}

function noneInProfile(slides: readonly NamedSlide[], profile: ProfileName): EpSamError {
  return new EpSamError("dataset", {
    where: `\`profile: ${profile}\``,
    what: `has none of the ${slides.length} slides: ${listNames(slides.map(({ stem }) => stem))}`,
    why: `its slides are named like ${profiles[profile].naming}`,
    action: "Leave the profile out, or give the slides of that data set.",
  });
}

/**
 * The slides among files and folders (not their subfolders). Files are taken as they are given, apart from masks; in a
 * folder, what is no slide is left alone.
 * @param leaveOut paths that are none, whatever their names
 * @throws EpSamError `usage` when an input does not exist, `dataset` when two slides have the same name
 */
export async function listSlides(
  inputs: readonly string[],
  leaveOut: ReadonlySet<string> = new Set(),
): Promise<ListedSlides> {
  const paths: string[] = [];
  const given: JudgedFile[] = [];
  const skipped: SkippedInput[] = [];
  const leftAlone: string[] = [];
  for (const { input, isFolder, files, namedFolders } of await listInputs(inputs)) {
    skipped.push(...namedFolders.map((file) => ({ file, reason: NAMED_FOLDER })));
    const found = isFolder ? await slidesOfFolder(input, files) : [];
    if (!isFolder) given.push(...files);
    else if (found.length === 0) {
      const hint = await slidesBelow([input]);
      skipped.push({ file: input, reason: hint === null ? NO_SLIDES : `holds no slides (${hint.why})` });
    } else leftAlone.push(...files.filter(({ kind }) => isLeftAlone(kind)).map(({ path }) => path));
    paths.push(...found);
  }
  paths.push(...(await slidesOfFiles(given)));
  const slides = paths.filter((path) => !leaveOut.has(path)).map((path) => ({ stem: stemOf(path), path }));
  requireUniqueStems(slides, "annotations, patients and patches");
  return { slides: slides.sort((a, b) => compareText(a.stem, b.stem)), skipped, leftAlone };
}

const NO_SLIDES = `holds no slides (known by ${slideExtensions().join(", ")} or a folder of DICOM files)`;

/** What may have been meant as a slide; annotations and masks are told elsewhere. */
function isLeftAlone(kind: JudgedFile["kind"]): boolean {
  return kind === "image" || kind === "unreadable-image" || kind === "other";
}

function slidesBelow(inputs: readonly string[]) {
  return subfolderHint(inputs, "slides", (name) => {
    const kind = kindByExtension(name);
    return !name.startsWith(".") && (isSlide(kind) || kind === "dicom");
  });
}

/** @returns the error that none of the inputs holds slides */
export async function noSlides(inputs: readonly string[]): Promise<EpSamError> {
  const hint = await slidesBelow(inputs);
  return new EpSamError("usage", {
    where: inputs.join(", "),
    what: "holds no slides",
    why: hint?.why ?? `known by ${slideExtensions().join(", ")} or a folder of DICOM files`,
    action: hint === null ? "Give the slides, or the folder that holds them itself." : `${hint.action}.`,
  });
}
