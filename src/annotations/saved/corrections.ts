import { mkdir, readFile, realpath } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { EpSamError, exists, hashBytes, writeFileAtomically } from "../../common/index.js";
import type { AnnotationObject } from "../../contract/index.js";
import { formatGeoJson } from "../geojson-write.js";
import { groupKey, isMeasurement, UNREVIEWED_GROUP } from "../roles.js";
import type { Annotation, AnnotationSet } from "../types.js";
import { shapesOf } from "./area.js";
import { type ClassMeanings, groupOfClass, readChosenClasses } from "./class-meanings.js";
import { parseJournal } from "./journal-lines.js";
import { annotationFolder, listJournals } from "./places.js";

/** Digits after the point of the coordinates: what was drawn is what is learnt. */
const DIGITS = 5;

/** Annotation files made of the corrections in a state directory. */
export interface CorrectionFiles {
  /** Holds `<slide>.geojson` for each slide that was corrected. */
  readonly folder: string;
  /** Absolute paths of these slides, as far as they are where they were. */
  readonly slides: readonly string[];
  /** Classes that somebody has made, as far as these corrections have them. */
  readonly classes: ClassMeanings;
}

/**
 * Writes the corrections that `epsam view` has saved as annotation files, named like the slides, for preparation:
 * accepted and drawn objects under their class, or under a known group that means what was chosen for it, rejected ones
 * and measurements left out, and results that nobody has judged as `Unreviewed`. The folder's name follows from the content, so that the same corrections are the same files. It may
 * be done while a server saves: what it has acknowledged by then is there.
 * @param slides paths of the slides whose corrections are wanted; all when left out
 * @throws EpSamError `usage` when there are none, `dataset` when two slides have the same name, `annotation` when a
 *   journal is damaged, `storage`
 */
export async function writeCorrectionFiles(
  stateDirectory: string,
  slides?: readonly string[],
): Promise<CorrectionFiles> {
  const wanted = slides === undefined ? null : new Set(await Promise.all(slides.map(resolved)));
  const { meanings: classes } = await readChosenClasses(annotationFolder(stateDirectory));
  const named = new Set<string>();
  const files = new Map<string, { readonly path: string; readonly content: string }>();
  for (const journal of await listJournals(annotationFolder(stateDirectory))) {
    const { slide, history } = parseJournal(journal, await readFile(journal));
    const objects = history.objects
      .map(({ object }) => object)
      .filter(({ classification }) => !isMeasurement(classification));
    const path = await resolved(slide.path);
    if (objects.length === 0 || (wanted !== null && !wanted.has(path))) continue;
    const name = basename(slide.name, extname(slide.name));
    const other = files.get(name.toLowerCase());
    if (other !== undefined) throw sameName(path, other.path);
    const annotations = objects.flatMap((object) => annotationOf(object, classes));
    for (const { classification } of objects) named.add(groupKey(classification ?? ""));
    const content = formatGeoJson(annotations, [], { digits: DIGITS, origin: { x: 0, y: 0 } });
    files.set(name.toLowerCase(), { path, content });
  }
  if (files.size === 0) throw noCorrections(stateDirectory);
  const entries = [...files.values()];
  const digest = hashBytes(JSON.stringify(entries)).slice(0, 16);
  const folder = join(stateDirectory, "corrections", digest);
  await mkdir(folder, { recursive: true });
  for (const { path, content } of entries) {
    const file = join(folder, `${basename(path, extname(path))}.geojson`);
    // Unchanged files keep their time, by which an interrupted preparation knows them again.
    if (!(await exists(file))) await writeFileAtomically(file, content);
  }
  const used = classes.filter(({ name }) => named.has(groupKey(name)));
  return { folder, slides: entries.map(({ path }) => path), classes: used };
}

/**
 * Corrections of one slide, as its annotation file would hold them.
 * @param path of the slide, for messages
 */
export function correctionSet(
  path: string,
  objects: readonly AnnotationObject[],
  classes: ClassMeanings,
): AnnotationSet {
  const annotations = objects.flatMap((object) => annotationOf(object, classes));
  return { path, format: "geojson", annotations, groups: [], origin: "slide", warnings: [] };
}

/** Symbolic links resolved, as the server names slides; a slide that is gone keeps its name. */
async function resolved(path: string): Promise<string> {
  return (await exists(path)) ? realpath(path) : path;
}

function annotationOf(object: AnnotationObject, classes: ClassMeanings): Annotation[] {
  const { id, name, classification, review } = object;
  if (review === "rejected") return [];
  // Whoever draws an outline has looked at it.
  const isJudged = review === "accepted" || object.origin === "drawn";
  return [
    {
      id,
      name,
      group: isJudged ? groupOfClass(classification, classes) : UNREVIEWED_GROUP,
      colour: null,
      ...shapesOf(object),
      measurements: {},
    },
  ];
}

function sameName(path: string, other: string): EpSamError {
  return new EpSamError("dataset", {
    where: path,
    what: `has the same name as ${other}`,
    why: "annotations, patients and patches are matched by file name without extension",
    action: "Rename one of them, or take one of them alone.",
  });
}

function noCorrections(stateDirectory: string): EpSamError {
  return new EpSamError("usage", {
    where: stateDirectory,
    what: "holds no corrections of these slides",
    why: "they are saved there by `epsam view --state`",
    action: "Give the state directory that `epsam view` printed, and the slides that were corrected.",
  });
}
