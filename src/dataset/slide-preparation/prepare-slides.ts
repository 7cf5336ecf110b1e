import { basename, join, resolve } from "node:path";
import {
  aboutTime,
  hashFile,
  moduleBeside,
  packageVersion,
  type Reporter,
  remotePaths,
  silentReporter,
  writeFileAtomically,
} from "../../common/index.js";
import { type MicronsPerPixel, openSlide, type PixelSource, slideFileVersion } from "../../slides/index.js";
import { writeManifest } from "../manifest.js";
import { DESCRIPTION_FILE, openDataset } from "../open-dataset.js";
import { duplicatesOf, tellDuplicates } from "../preparation/duplicates.js";
import { reserveOutput } from "../preparation/staging.js";
import { type ExaminationContext, examineSlide } from "./examine.js";
import { checkSlidePlan } from "./explain.js";
import { findSlides, type SlideFile } from "./find-slides.js";
import { notesOn, tellAbsentGroups, tellLeftOver } from "./left-over.js";
import {
  foldersOf,
  type PrepareSlidesOptions,
  resolveSlideSettings,
  type SlidePreparationResult,
  type SlideSettings,
} from "./options.js";
import { type ExaminedSlide, planPatches, type SlidePlan } from "./plan.js";
import { ScannedResolutions } from "./resolutions.js";
import { readLooks } from "./slide-looks.js";
import { crashReason, examinedSchema, inOwnProcess } from "./slide-work.js";
import { fingerprintOf, PreparationState, type SlideExamination } from "./state.js";
import { originsOfSlides, readMppTable } from "./tables.js";
import { removeUnplanned, writePlannedPatches } from "./write.js";

/** Raised when the layout of dataset directories changes incompatibly; the same as for images. */
const FORMAT_VERSION = 1;
/** Patches read at a time, unless told otherwise: reading waits for the disk and for other threads. */
const CONCURRENCY = 4;

interface Job {
  readonly settings: SlideSettings;
  readonly state: PreparationState;
  readonly openSlide: (path: string) => Promise<PixelSource>;
  readonly knownMpp: ReadonlyMap<string, MicronsPerPixel>;
  readonly resolutions: ScannedResolutions;
  readonly concurrency: number;
  readonly slideModule: string;
  readonly reporter: Reporter;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes a dataset directory from whole slides with annotations; the command `epsam prepare --annotations`. Slides
 * are read in parts, so memory does not grow with them. A killed job goes on when called again with the same
 * options: what was found out about slides and the patches written are kept in `<out>.partial`. The same inputs,
 * settings and seed give the same bytes, however often the job was interrupted.
 * @returns counts, what was left out, and the hash; slides that could not be used are in `skipped`
 * @throws EpSamError `usage` for options and paths, `dataset` when nothing is left (saying what left out what) or
 *   a table is malformed, `storage` when the disk is full, `usage` when another process prepares into the directory
 */
export async function prepareSlides(given: PrepareSlidesOptions): Promise<SlidePreparationResult> {
  const options = { ...given, inputs: remotePaths(given.inputs) };
  const settings = resolveSlideSettings(options);
  const tables = [options.patients, options.splitTable, options.mppTable].filter(
    (path) => path !== undefined,
  );
  const { out, overwrite = false } = options;
  const inputs = [...options.inputs, ...foldersOf(options), ...tables];
  return reserveOutput({ out, overwrite, inputs }, () => prepareReserved(options, settings));
}

async function prepareReserved(
  options: PrepareSlidesOptions,
  settings: SlideSettings,
): Promise<SlidePreparationResult> {
  const { reporter = silentReporter, signal, overwrite = false } = options;
  const found = await findSlides(options.inputs, foldersOf(options), settings);
  const knownMpp = options.mppTable === undefined ? null : await readMppTable(options.mppTable, found.slides);
  const origins = await originsOfSlides(found.slides, options);
  const state = await PreparationState.open(options.out, settings, overwrite);
  if (state.isResumed) reporter.note(`Going on with the preparation in ${state.directory}.`);
  const { skipped, warnings } = tellLeftOver(found, options, knownMpp, origins);
  for (const { file, reason } of skipped) reporter.warn(`Skipped ${file}: ${reason}.`);
  for (const warning of warnings) reporter.warn(warning);
  for (const note of notesOn(found, settings)) reporter.note(note);
  const job: Job = {
    settings,
    state,
    openSlide: options.openSlide ?? ((path) => openSlide(path)),
    knownMpp: knownMpp?.values ?? new Map(),
    resolutions: new ScannedResolutions(settings.resolution, options.anyResolution),
    concurrency: options.concurrency ?? CONCURRENCY,
    slideModule: options.slideModule ?? moduleBeside(import.meta.url, "./slide-child"),
    reporter,
    signal,
  };
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
  const duplicates = duplicatesOf(
    examined.map(({ file, examination: { looks } }) => [file.stem, looks === null ? null : readLooks(looks)]),
  );
  for (;;) {
    const plan = planPatches(examined, origins.values, settings, duplicates);
    const counts = await checkOrRemove(state, () =>
      checkSlidePlan(options.out, plan, skipped, settings, reporter),
    );
    const failures = await writePlannedPatches(plan, job);
    if (failures.length === 0) {
      const splits = new Map(plan.slides.map(({ file, split }) => [file.stem, split]));
      for (const told of tellDuplicates(duplicates, (stem) => splits.get(stem))) {
        warnings.push(told);
        reporter.warn(told);
      }
      const { outsideProfile } = found;
      return finish(resolve(options.out), plan, { counts, skipped, warnings, outsideProfile }, job);
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

async function examineAll(
  slides: readonly SlideFile[],
  job: Job,
  skip: (slide: SlideFile, reason: string) => void,
): Promise<ExaminedSlide[]> {
  const examined: ExaminedSlide[] = [];
  const started = performance.now();
  let worked = 0;
  for (const [index, file] of slides.entries()) {
    job.signal?.throwIfAborted();
    const knownMpp = job.knownMpp.get(file.stem) ?? null;
    const fingerprint = await fingerprintOf(file, knownMpp?.x ?? null);
    const known = await job.state.examinationOf(file, fingerprint);
    const accept = (examination: SlideExamination): void => {
      examined.push({ file, examination });
      for (const warning of examination.warnings) job.reporter.warn(`${file.path}: ${warning}.`);
      job.resolutions.add(file.path, examination.mpp);
    };
    if (known !== null) accept(known);
    else {
      const perSlide = (performance.now() - started) / 1000 / worked;
      const name = `slide ${index + 1} of ${slides.length}, ${basename(file.path)}`;
      const left = aboutTime(perSlide * (slides.length - index));
      const detail = worked === 0 ? undefined : `${left} left for all slides`;
      const result = await examineOne(file, job, {
        ...job,
        knownMpp,
        fingerprint,
        onProgress: (step, done, total) =>
          job.reporter.progress({ task: `${name}: ${step}`, done, total, detail }),
      });
      worked += 1;
      if ("refused" in result) skip(file, result.refused);
      else accept(result.accepted);
    }
  }
  return examined;
}

async function examineOne(file: SlideFile, job: Job, context: ExaminationContext) {
  const { state } = job;
  await state.begin(file);
  try {
    const result = await examineWhere(file, job, context);
    if ("crashed" in result) {
      const refused = crashReason(result.crashed, state.directory);
      await state.crash(file, refused);
      return { refused };
    }
    if ("refused" in result) await state.fail(file, result.refused);
    else await state.finish(file, result.accepted);
    return result;
  } catch (failure) {
    // Keeping the state must not hide why it ended, for example on a full disk.
    await Promise.allSettled([state.interrupt(file)]);
    throw failure;
  }
}

/** In this process, or in one of its own when the program has ended over the slide before. */
async function examineWhere(
  file: SlideFile,
  { state, slideModule, reporter, signal }: Job,
  context: ExaminationContext,
) {
  if (!state.isSuspect(file)) return examineSlide(file, context);
  reporter.note(
    `${file.path}: the program ended over this slide before, so it is read in a process of its own.`,
  );
  const { settings, fingerprint, knownMpp } = context;
  const work = { kind: "examine", file, settings, fingerprint, knownMpp } as const;
  return inOwnProcess(slideModule, work, examinedSchema, signal);
}

/** What a preparation tells beside its patches. */
interface Findings extends Pick<SlidePreparationResult, "counts" | "skipped" | "warnings"> {
  readonly outsideProfile: number;
}

async function finish(
  out: string,
  plan: SlidePlan,
  { counts, skipped, warnings, outsideProfile }: Findings,
  { settings, state }: Job,
): Promise<SlidePreparationResult> {
  const { directory } = state;
  const rows = plan.slides.flatMap(({ patches }) => patches);
  await removeUnplanned(directory, plan);
  await writeManifest(directory, rows);
  const { hash } = await openDataset(directory);
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
  await writeFileAtomically(join(directory, DESCRIPTION_FILE), `${JSON.stringify(description, null, 2)}\n`);
  await state.becomeDataset(out);
  const { discarded } = plan;
  const { patchSize } = settings;
  return { root: out, inputKind: "slides", patchSize, counts, discarded, skipped, warnings, hash };
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
