import { basename } from "node:path";
import {
  absolutePath,
  hashFile,
  isRemotePath,
  packageVersion,
  remotePaths,
  silentReporter,
} from "../../common/index.js";
import { slideFileVersion } from "../../slides/index.js";
import { hashOfFiles } from "../dataset-hash.js";
import { writeManifest } from "../manifest.js";
import { DESCRIPTION_FILE, openDataset } from "../open-dataset.js";
import { tellDuplicates } from "../preparation/duplicates.js";
import type { ManifestRow } from "../records.js";
import { beginSlides, duplicatesAmong, inputsOf, type PreparationJob } from "./begin.js";
import { examineAll } from "./examine-all.js";
import { checkSlidePlan, tellLackingLabels } from "./explain.js";
import type { SlideFile } from "./find-slides.js";
import { notesOn, tellAbsentGroups } from "./left-over.js";
import {
  type PrepareSlidesOptions,
  resolveSlideSettings,
  type SlidePreparationResult,
  type SlideSettings,
} from "./options.js";
import { reservePlace } from "./place.js";
import { planPatches, type SlidePlan } from "./plan.js";
import { PreparationState } from "./state.js";
import { removeUnplanned, writePlannedPatches } from "./write.js";

/** Raised when the layout of dataset directories changes incompatibly; the same as for images. */
const FORMAT_VERSION = 1;
/**
 * Makes a dataset directory from whole slides with annotations; the command `epsam prepare --annotations`. Slides
 * are read in parts, so memory does not grow with them. A killed job goes on when called again with the same
 * options: what was found out about slides and the patches written are kept in `<out>.partial`. The same inputs,
 * settings and seed give the same bytes, however often the job was interrupted.
 * `out` may be `s3://BUCKET/PREFIX`: patches go there one by one then, `dataset.json` last, and what is kept of a killed job
 * lies there, too, so that the call goes on from any machine.
 * @returns counts, what was left out, and the hash; slides that could not be used are in `skipped`
 * @throws EpSamError `usage` for options and paths, `dataset` when nothing is left (saying what left out what) or
 *   a table is malformed, `storage` when the disk is full, `usage` when another process prepares into the directory
 */
export async function prepareSlides(given: PrepareSlidesOptions): Promise<SlidePreparationResult> {
  const options = { ...given, inputs: remotePaths(given.inputs) };
  const settings = resolveSlideSettings(options);
  const { out, overwrite = false } = options;
  const inputs = inputsOf(options);
  return reservePlace({ out, overwrite, inputs }, () => prepareReserved(options, settings));
}

async function prepareReserved(
  options: PrepareSlidesOptions,
  settings: SlideSettings,
): Promise<SlidePreparationResult> {
  const { reporter = silentReporter, overwrite = false } = options;
  const begun = await beginSlides(options, settings, () =>
    PreparationState.open(options.out, settings, overwrite),
  );
  const { found, origins, job, skipped, warnings } = begun;
  const { state } = job;
  if (state.isResumed) reporter.note(`Going on with the preparation in ${state.directory}.`);
  for (const { file, reason } of skipped) reporter.warn(`Skipped ${file}: ${reason}.`);
  for (const warning of warnings) reporter.warn(warning);
  for (const note of notesOn(found, settings)) reporter.note(note);
  const skip = (slide: SlideFile, reason: string): void => {
    skipped.push({ file: slide.path, reason });
    reporter.warn(`Skipped ${slide.path}: ${reason}.`);
  };
  let examined = await examineAll(found.slides, job, skip);
  const groups = examined.map(({ examination }) => examination.groups);
  for (const warning of [...job.resolutions.warnings(), ...tellAbsentGroups(settings.groups, groups)]) {
    warnings.push(warning);
    reporter.warn(warning);
  }
  const duplicates = duplicatesAmong(examined);
  for (;;) {
    const plan = planPatches(examined, origins.values, settings, duplicates);
    const counts = await checkOrRemove(state, () => checkSlidePlan(options.out, plan, skipped, settings));
    const failures = await writePlannedPatches(plan, job);
    if (failures.length === 0) {
      const splits = new Map(plan.slides.map(({ file, split }) => [file.stem, split]));
      const lacking = tellLackingLabels(plan, settings);
      for (const told of [...lacking, ...tellDuplicates(duplicates, (stem) => splits.get(stem))]) {
        warnings.push(told);
        reporter.warn(told);
      }
      const { outsideProfile } = found;
      return finish(absolutePath(options.out), plan, { counts, skipped, warnings, outsideProfile }, job);
    }
    // Without the broken slides other patches may be drawn: plan again.
    for (const { slide, reason } of failures) skip(slide.file, reason);
    const broken = new Set(failures.map(({ slide }) => slide.file.stem));
    examined = examined.filter(({ file }) => !broken.has(file.stem));
  }
}

/** A preparation with nothing left is removed: with other options, slides would be examined anew anyway. */
async function checkOrRemove<T>(state: PreparationState, check: () => T): Promise<T> {
  try {
    return check();
  } catch (failure) {
    await state.remove();
    throw failure;
  }
}

/** What a preparation tells beside its patches. */
interface Findings extends Pick<SlidePreparationResult, "counts" | "skipped" | "warnings"> {
  readonly outsideProfile: number;
}

async function finish(
  out: string,
  plan: SlidePlan,
  { counts, skipped, warnings, outsideProfile }: Findings,
  job: PreparationJob,
): Promise<SlidePreparationResult> {
  const { settings, state } = job;
  const { files } = state;
  const rows = plan.slides.flatMap(({ patches }) => patches);
  await removeUnplanned(files, plan);
  await writeManifest(files, rows);
  const hash = await hashOf(rows, job);
  const description = {
    format: FORMAT_VERSION,
    version: await packageVersion(),
    hash,
    inputKind: "slides",
    settings,
    counts,
    discarded: plan.discarded,
    skipped: skipped.map(({ file, reason }) => ({ file: basename(file), reason })),
    ...(settings.profile === null ? {} : { outsideProfile }),
    warnings,
    sources: await Promise.all(plan.slides.map(describeSlide)),
  };
  await files.write(DESCRIPTION_FILE, `${JSON.stringify(description, null, 2)}\n`);
  await state.becomeDataset(out);
  const { discarded } = plan;
  const { patchSize } = settings;
  return { root: out, inputKind: "slides", patchSize, counts, discarded, skipped, warnings, hash };
}

/** The dataset's hash, from the files that are there. */
async function hashOf(
  rows: readonly ManifestRow[],
  { state: { directory, files }, reporter, signal }: PreparationJob,
): Promise<string> {
  if (!isRemotePath(directory)) return (await openDataset(directory)).hash;
  const task = "reading patches for the dataset's hash";
  return hashOfFiles(files, rows, (done, total) => reporter.progress({ task, done, total }), signal);
}

/** No times and no absolute paths, so that equal jobs write equal bytes; slides are too large to be hashed. */
async function describeSlide({ file, examination, split, patches }: SlidePlan["slides"][number]) {
  const {
    width,
    height,
    level,
    pixelSize,
    mpp,
    tissueShare,
    latticePatches,
    withoutTissue,
    missingPixels,
    notKnown,
    groups,
  } = examination;
  return {
    slide: basename(file.path),
    bytes: (await slideFileVersion(file.path)).size,
    annotations: file.annotationPath === null ? null : basename(file.annotationPath),
    annotationsHash: file.annotationPath === null ? null : await hashFile(file.annotationPath),
    groups,
    width,
    height,
    level,
    pixelSize,
    mpp,
    tissueShare,
    latticePatches,
    withoutTissue,
    missingPixels,
    notKnown,
    patches: patches.length,
    split,
    warnings: examination.warnings,
  };
}
