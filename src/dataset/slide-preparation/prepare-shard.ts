import { basename } from "node:path";
import { mapAhead, remotePaths, silentReporter } from "../../common/index.js";
import type { SkippedInput } from "../preparation/options.js";
import { beginSlides, duplicatesAmong, inputsOf, type PreparationJob } from "./begin.js";
import type { NamedSlide, SlideFile } from "./find-slides.js";
import { type PrepareSlidesOptions, resolveSlideSettings } from "./options.js";
import type { SlideOutcome } from "./outcomes.js";
import { checkPlace } from "./place.js";
import { planPatches, type SlidePlan } from "./plan.js";
import { doSharedWork, type SharedSlideWork } from "./shared-work.js";
import { fingerprintOf, PreparationState } from "./state.js";
import { writeElsewhere } from "./write.js";

/** What became of the slides of one call of several. */
export interface ShardPreparation {
  /** Names of this call's slides that are examined. */
  readonly examined: readonly string[];
  /** Patches of this call's slides that are written; null while slides of other calls are not examined yet. */
  readonly patches: number | null;
  /** Names of slides that no call has examined yet. */
  readonly missing: readonly string[];
  readonly skipped: readonly SkippedInput[];
  readonly warnings: readonly string[];
}

/**
 * Does a part of {@link prepareSlides}'s work, while other calls with the same options do the rest, on this machine or on
 * others that share the folder of `out`, or its bucket: examines these slides; and when all slides are examined, by whomever, writes
 * the patches of these. Then `prepareSlides()` makes the dataset. A call that was killed is given again.
 * @param choose gives the names of this call's slides
 * @throws EpSamError as `prepareSlides()`
 */
export async function prepareShard(
  given: PrepareSlidesOptions,
  choose: (slides: readonly NamedSlide[]) => Promise<ReadonlySet<string>>,
): Promise<ShardPreparation> {
  const options = { ...given, inputs: remotePaths(given.inputs) };
  const settings = resolveSlideSettings(options);
  const { reporter = silentReporter } = options;
  const { out, overwrite = false } = options;
  await checkPlace({ out, overwrite, inputs: inputsOf(options) }, true);
  const begun = await beginSlides(options, settings, () => PreparationState.join(options.out, settings));
  const { found, origins, job } = begun;
  const stems = await choose(found.slides);
  const own = found.slides.filter(({ stem }) => stems.has(stem));
  const skipped: SkippedInput[] = [];
  const skip = ({ path }: SlideFile, reason: string): void => {
    skipped.push({ file: path, reason });
    reporter.warn(`Skipped ${path}: ${reason}.`);
  };
  for (const [index, file] of own.entries()) {
    job.signal?.throwIfAborted();
    const task = "slides of this shard: tissue and patches";
    reporter.progress({ task, done: index, total: own.length, detail: basename(file.path) });
    const outcome = await examineAlone(file, job);
    if ("refused" in outcome) skip(file, outcome.refused);
  }
  reporter.progress({ task: "slides of this shard", done: own.length, total: own.length });
  const outcomes = await outcomesOf(found.slides, job);
  const missing = outcomes.flatMap(({ file, outcome }) => (outcome === null ? [file.stem] : []));
  const examined = outcomes.flatMap(({ file, outcome }) =>
    outcome !== null && "accepted" in outcome ? [{ file, examination: outcome.accepted }] : [],
  );
  const known = examined.filter(({ file }) => stems.has(file.stem));
  const told = { examined: known.map(({ file }) => file.stem), missing, skipped };
  const warnings = known.flatMap(({ file, examination }) =>
    examination.warnings.map((warning) => `${file.path}: ${warning}`),
  );
  for (const warning of warnings) reporter.warn(`${warning}.`);
  if (missing.length > 0) return { ...told, patches: null, warnings };
  let plan = planPatches(examined, origins.values, settings, duplicatesAmong(examined));
  // Slides that another call could not write: without them other patches may be drawn.
  for (;;) {
    const broken = await brokenOf(plan, job);
    if (broken.size === 0) break;
    const rest = plan.slides.filter(({ file }) => !broken.has(file.stem));
    plan = planPatches(rest, origins.values, settings, duplicatesAmong(examined));
  }
  return { ...told, patches: await writeOwn(plan, stems, job, skip), warnings };
}

/**
 * What is missing before `prepareSlides()` can make the dataset of what calls of {@link prepareShard} found out; called
 * then, it examines nothing and writes the patches that are not there yet.
 * @returns names of slides that are not examined
 */
export async function missingFromPreparation(given: PrepareSlidesOptions): Promise<readonly string[]> {
  const options = { ...given, inputs: remotePaths(given.inputs) };
  const settings = resolveSlideSettings(options);
  const { found, job } = await beginSlides(options, settings, () =>
    PreparationState.join(options.out, settings),
  );
  const outcomes = await outcomesOf(found.slides, job);
  return outcomes.flatMap(({ file, outcome }) => (outcome === null ? [file.stem] : []));
}

async function outcomesOf(slides: readonly SlideFile[], job: PreparationJob) {
  const outcomes: { readonly file: SlideFile; readonly outcome: SlideOutcome | null }[] = [];
  const read = mapAhead(slides, job.concurrency, async (file) => ({
    file,
    outcome: await job.state.outcomes.outcomeOf(file, await fingerprint(file, job)),
  }));
  for await (const one of read) outcomes.push(one);
  return outcomes;
}

function fingerprint(file: SlideFile, { knownMpp }: PreparationJob): Promise<string> {
  return fingerprintOf(file, knownMpp.get(file.stem)?.x ?? null);
}

/** One that was refused is tried again. */
async function examineAlone(file: SlideFile, job: PreparationJob): Promise<SlideOutcome> {
  const mark = await fingerprint(file, job);
  const known = await job.state.outcomes.outcomeOf(file, mark);
  if (known !== null && "accepted" in known) return known;
  const knownMpp = job.knownMpp.get(file.stem) ?? null;
  await doWarily({ ...workOf(file, job), kind: "examine", fingerprint: mark, knownMpp }, job);
  const outcome = await job.state.outcomes.outcomeOf(file, mark);
  return outcome ?? { refused: "changed while it was examined; give the shard again" };
}

/** In a process of its own where an earlier call never came to its end: a slide that ends it must not end the shard. */
async function doWarily(work: SharedSlideWork, job: PreparationJob): Promise<void> {
  const { outcomes } = job.state;
  const slideModule = (await outcomes.begin(work.file)) ? job.slideModule : undefined;
  if (slideModule !== undefined) {
    job.reporter.note(
      `${work.file.path}: an earlier call ended over it, so it is read in a process of its own.`,
    );
  }
  const { openSlide, signal } = job;
  let warnings: readonly string[] = [];
  try {
    warnings = await doSharedWork(work, { openSlide, slideModule, signal });
  } finally {
    // An attempt that ended otherwise than with the program says nothing against the slide.
    await outcomes.end(work.file);
  }
  for (const warning of warnings) job.reporter.warn(`${work.file.path}: ${warning}.`);
}

function workOf(file: SlideFile, { state, settings, concurrency }: PreparationJob) {
  return { directory: state.directory, file, settings, concurrency } satisfies Partial<SharedSlideWork>;
}

/** Names of slides with planned patches that some call could not write. */
async function brokenOf(plan: SlidePlan, { state }: PreparationJob): Promise<ReadonlySet<string>> {
  const broken = new Set<string>();
  for (const { file, patches, examination } of plan.slides) {
    if (patches.length === 0) continue;
    const reason = await state.outcomes.refusalOf(file, examination.fingerprint, "writing");
    if (reason !== null) broken.add(file.stem);
  }
  return broken;
}

/** @returns how many patches of this call's slides are there */
async function writeOwn(
  plan: SlidePlan,
  stems: ReadonlySet<string>,
  job: PreparationJob,
  skip: (slide: SlideFile, reason: string) => void,
): Promise<number> {
  const own = plan.slides.filter(({ file, patches }) => stems.has(file.stem) && patches.length > 0);
  const total = own.reduce((sum, { patches }) => sum + patches.length, 0);
  let written = 0;
  const alone = {
    atOnce: 1,
    work: async (work: SharedSlideWork) => {
      await doWarily(work, job);
      return null;
    },
  };
  for (const slide of own) {
    job.signal?.throwIfAborted();
    job.reporter.progress({ task: "writing patches", done: written, total, detail: slide.file.stem });
    const reason = await writeElsewhere(slide, job, alone);
    if (reason === null) written += slide.patches.length;
    else skip(slide.file, reason);
  }
  job.reporter.progress({ task: "writing patches", done: total, total });
  return written;
}
