import { basename } from "node:path";
import { type AnnotationRole, type GroupRules, groupKey, ROLES } from "../../annotations/index.js";
import { compareText } from "../../common/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import { listNames, MANY_NAMES } from "../list-names.js";
import { type PictureTable, tellUnmatched } from "../picture-tables.js";
import type { SkippedInput } from "../preparation/options.js";
import type { FoundSlides } from "./find-slides.js";
import { foldersOf, type PrepareSlidesOptions, type SlideSettings } from "./options.js";
import { profiles } from "./profiles.js";

/** What was given and belongs to nothing. */
interface LeftOver {
  /** What a slide may lack: it counts as an input that was left out. */
  readonly skipped: SkippedInput[];
  readonly warnings: string[];
}

/**
 * Annotation files and lines of tables that belong to no slide. Where slides have none, they may be meant for these under
 * another name, so a wrong label or scale may come of it; otherwise they are surplus.
 */
export function tellLeftOver(
  found: FoundSlides,
  options: PrepareSlidesOptions,
  mppTable: PictureTable<MicronsPerPixel> | null,
  origins: PictureTable<unknown>,
): LeftOver {
  const skipped = [...found.skipped];
  const warnings: string[] = [];
  const { mppTable: mppPath = "", patients, splitTable } = options;
  const files = tellUnmatchedFiles(found.unmatched);
  if (files !== null && found.isAnyUnannotated)
    skipped.push({ file: foldersOf(options).join(", "), reason: `${files}; check how they are spelt` });
  else if (files !== null) warnings.push(`${listNames(foldersOf(options))}: ${files}.`);
  const lines = mppTable === null ? null : tellUnmatched(mppTable, "slides");
  if (lines !== null && found.slides.some(({ stem }) => mppTable?.values.has(stem) === false))
    skipped.push({ file: mppPath, reason: `${lines}; check how they are spelt` });
  else if (lines !== null) warnings.push(`${basename(mppPath)}: ${lines}.`);
  const surplus = tellUnmatched(origins, "slides");
  if (surplus !== null) warnings.push(`${basename(patients ?? splitTable ?? "")}: ${surplus}.`);
  return { skipped, warnings };
}

/** What is told of annotation files that belong to no slide; null when there are none. */
export function tellUnmatchedFiles(unmatched: readonly string[]): string | null {
  if (unmatched.length === 0) return null;
  const files = unmatched.length === 1 ? "a file belongs" : `${unmatched.length} files belong`;
  return `${files} to no slide: ${listNames(
    unmatched.map((path) => basename(path)),
    MANY_NAMES,
  )}`;
}

/**
 * What is told of groups that were given a meaning and that no outline is in: a group that is spelt otherwise keeps the
 * meaning that it has.
 * @param taken what the groups of each slide were taken as
 */
export function tellAbsentGroups(
  rules: Partial<GroupRules>,
  taken: readonly Readonly<Record<string, AnnotationRole>>[],
): string[] {
  const names = [...new Set(taken.flatMap((groups) => Object.keys(groups)))].sort(compareText);
  if (names.length === 0) return [];
  const keys = new Set(names.map(groupKey));
  return ROLES.flatMap((role) => {
    const absent = (rules[role] ?? []).filter((name) => !keys.has(groupKey(name)));
    if (absent.length === 0) return [];
    const groups = absent.length === 1 ? "a group" : `${absent.length} groups`;
    return `\`groups.${role}\` names ${groups} that nothing is drawn in: ${listNames(absent)}; check how they are spelt, the annotations have ${listNames(names)}.`;
  });
}

/** What is left out as it should be. */
export function notesOn(
  { leftAlone, outsideProfile, unannotated }: FoundSlides,
  { profile }: Pick<SlideSettings, "profile">,
): string[] {
  const notes: string[] = [];
  if (profile !== null && outsideProfile > 0) {
    const naming = profiles[profile].naming;
    const slides = outsideProfile === 1 ? "1 slide is" : `${outsideProfile} slides are`;
    notes.push(`${slides} not among those of the profile ${profile} (such as ${naming}) and left out.`);
  }
  if (unannotated > 0) {
    const slides = unannotated === 1 ? "1 slide has" : `${unannotated} slides have`;
    notes.push(`${slides} no annotation file; nothing is learned from slides without.`);
  }
  if (leftAlone.length > 0) notes.push(tellLeftAlone(leftAlone));
  return notes;
}

/** What is told of files of folders that are no slides by their names. */
export function tellLeftAlone(files: readonly string[]): string {
  const names = listNames(files.map((path) => basename(path)));
  return `Left alone, since no slides by their names: ${names}.`;
}
