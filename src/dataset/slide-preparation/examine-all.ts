import { basename } from "node:path";
import { aboutTime, mapAhead } from "../../common/index.js";
import type { PreparationJob } from "./begin.js";
import { type ExaminationContext, examineSlide } from "./examine.js";
import type { SlideFile } from "./find-slides.js";
import type { SlideOutcome } from "./outcomes.js";
import type { ExaminedSlide } from "./plan.js";
import type { SlideWorkers } from "./shared-work.js";
import { crashReason, examinedSchema, inOwnProcess } from "./slide-work.js";
import { fingerprintOf } from "./state.js";

/**
 * Finds out about slides what is not known yet.
 * @param skip is told the slides that cannot be used
 * @returns the others, in their order
 */
export async function examineAll(
  slides: readonly SlideFile[],
  job: PreparationJob,
  skip: (slide: SlideFile, reason: string) => void,
): Promise<ExaminedSlide[]> {
  const examined: ExaminedSlide[] = [];
  const started = performance.now();
  let worked = 0;
  const outcomes = mapAhead([...slides.entries()], job.workers?.atOnce ?? 1, async ([index, file]) => {
    job.signal?.throwIfAborted();
    const knownMpp = job.knownMpp.get(file.stem) ?? null;
    const fingerprint = await fingerprintOf(file, knownMpp?.x ?? null);
    const known = await job.state.outcomes.outcomeOf(file, fingerprint);
    if (known !== null) return { file, outcome: known };
    const perSlide = (performance.now() - started) / 1000 / worked;
    const left = aboutTime(perSlide * (slides.length - index));
    const detail = worked === 0 ? undefined : `${left} left for all slides`;
    const name = `slide ${index + 1} of ${slides.length}, ${basename(file.path)}`;
    const outcome = await examineOne(file, job, {
      ...job,
      knownMpp,
      fingerprint,
      onProgress: (step, done, total) =>
        job.reporter.progress({ task: `${name}: ${step}`, done, total, detail }),
    });
    worked += 1;
    return { file, outcome };
  });
  for await (const { file, outcome } of outcomes) {
    if ("refused" in outcome) skip(file, outcome.refused);
    else {
      const examination = outcome.accepted;
      examined.push({ file, examination });
      for (const warning of examination.warnings) job.reporter.warn(`${file.path}: ${warning}.`);
      job.resolutions.add(file.path, examination.mpp);
    }
  }
  return examined;
}

async function examineOne(
  file: SlideFile,
  job: PreparationJob,
  context: ExaminationContext,
): Promise<SlideOutcome> {
  if (job.workers !== undefined) return examineElsewhere(file, job, job.workers, context);
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

async function examineElsewhere(
  file: SlideFile,
  { state, settings, concurrency }: PreparationJob,
  workers: SlideWorkers,
  { fingerprint, knownMpp }: ExaminationContext,
): Promise<SlideOutcome> {
  const { directory, outcomes } = state;
  const work = { kind: "examine", directory, file, settings, fingerprint, knownMpp, concurrency } as const;
  const refused = await workers.work(work);
  if (refused !== null) return { refused };
  const outcome = await outcomes.outcomeOf(file, fingerprint);
  return outcome ?? { refused: "changed while it was examined; give the same command again" };
}

/** In this process, or in one of its own when the program has ended over the slide before. */
async function examineWhere(
  file: SlideFile,
  { state, slideModule, reporter, signal }: PreparationJob,
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
