import { basename, dirname } from "node:path";
import { grouped } from "../../common/index.js";
import {
  type JudgedFile,
  listNames,
  tellLeftAlone,
  tellUnmatchedFiles,
  unmatchedAnnotations,
} from "../../dataset/index.js";
import type { OpenWorkspace } from "./workspace.js";

/** Names of a folder's files in a message. */
const NAMES_OF_A_FOLDER = 10;

/** A folder that was looked through, and what of it is shown. */
interface LookedThrough {
  readonly folder: string;
  readonly files: readonly JudgedFile[];
  /** Paths of slides and images. */
  readonly shown: readonly string[];
  /** Whether it is one of slides, not of images. */
  readonly isOfSlides: boolean;
}

/** What is told of a folder's files that are not shown; annotation files are told when all slides are known. */
export function tellNotShown({ folder, files, shown, isOfSlides }: LookedThrough): {
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
} {
  const isShown = new Set(shown);
  const named = (of: readonly JudgedFile[]): string =>
    listNames(
      of.map(({ path }) => basename(path)),
      NAMES_OF_A_FOLDER,
    );
  const pictures = files.filter(({ path, kind }) => kind === "image" && !isShown.has(path));
  const others = files.filter(({ kind }) => ["other", "unreadable-image", "labels", "mask"].includes(kind));
  const advice = isOfSlides ? "" : " Images below what was given are not looked for: give the folder itself.";
  const why = isOfSlides ? "pictures beside slides are left out" : "images are left out";
  return {
    warnings: pictures.length === 0 ? [] : [`${folder}: ${why}: ${named(pictures)}.${advice}`],
    notes: others.length === 0 ? [] : [`${folder}: ${tellLeftAlone(others.map(({ path }) => path))}`],
  };
}

/**
 * What is told of annotation files in folders that were looked through: those that no slide takes by its name, and those of
 * slides in other folders, which are taken from folders that were given for that alone.
 */
export function tellAnnotationsNotShown(workspace: OpenWorkspace, files: readonly string[]): string[] {
  const slides = workspace.slides.map(({ path }) => path);
  return [...grouped(files, (path) => dirname(path))].flatMap(([folder, own]) => {
    const isGiven = workspace.annotationFolders.includes(folder);
    const beside = slides.filter((path) => isGiven || dirname(path) === folder);
    const told: string[] = [];
    const unmatched = unmatchedAnnotations(slides, own);
    const foreign = unmatchedAnnotations(beside, own).filter((path) => !unmatched.includes(path));
    const surplus = tellUnmatchedFiles(unmatched);
    if (surplus !== null) told.push(`${folder}: ${surplus}. Check how they are spelt.`);
    if (foreign.length > 0) {
      const names = listNames(
        foreign.map((path) => basename(path)),
        NAMES_OF_A_FOLDER,
      );
      told.push(
        `${folder}: annotation files of slides in other folders are not shown: ${names}. Give \`annotations: ${folder}\`.`,
      );
    }
    return told;
  });
}
