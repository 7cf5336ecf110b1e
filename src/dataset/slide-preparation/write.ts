import { basename } from "node:path";
import { mapAhead } from "../../common/index.js";
import type { SharedFiles } from "../../slides/index.js";
import { patchFileName, SPLITS } from "../records.js";
import type { PreparationJob } from "./begin.js";
import { planOfSlide } from "./outcomes.js";
import type { PlannedSlide, SlidePlan } from "./plan.js";
import { isWritten, planText, type SlideWorkers } from "./shared-work.js";
import { crashReason, inOwnProcess } from "./slide-work.js";
import { writeSlide, writtenSchema } from "./write-slide.js";

/**
 * Writes the patches of a plan, those excepted that are there already.
 * @returns slides with a patch that cannot be read, with the reason; the state has it too
 */
export async function writePlannedPatches(
  plan: SlidePlan,
  context: PreparationJob,
): Promise<{ readonly slide: PlannedSlide; readonly reason: string }[]> {
  const { reporter, workers } = context;
  const total = plan.slides.reduce((sum, { patches }) => sum + patches.length, 0);
  const slides = plan.slides.filter(({ patches }) => patches.length > 0);
  const failures: { slide: PlannedSlide; reason: string }[] = [];
  let before = 0;
  const written = mapAhead(slides, workers?.atOnce ?? 1, async (slide) => {
    let done = before;
    const reason = await writeOne(slide, context, () => {
      done += 1;
      reporter.progress({ task: "writing patches", done, total, detail: basename(slide.file.path) });
    });
    before += slide.patches.length;
    return { slide, reason };
  });
  for await (const { slide, reason } of written) if (reason !== null) failures.push({ slide, reason });
  return failures;
}

/** Why the slide cannot be used, or null. */
async function writeOne(
  slide: PlannedSlide,
  context: PreparationJob,
  onPatch: () => void,
): Promise<string | null> {
  const { state, reporter, workers } = context;
  const { file } = slide;
  const refused = await state.outcomes.refusalOf(file, slide.examination.fingerprint, "writing");
  if (refused !== null) return refused;
  if (workers !== undefined) return writeElsewhere(slide, context, workers);
  await state.beginWriting(file);
  const written = await writeWhere(slide, context, onPatch).catch(async (failure: unknown) => {
    // Keeping the state must not hide why it ended, for example on a full disk.
    await Promise.allSettled([state.endWriting(file)]);
    throw failure;
  });
  if ("crashed" in written) {
    const reason = crashReason(written.crashed, state.directory);
    await state.crash(file, reason);
    return reason;
  }
  if (written.refused !== null) await state.fail(file, written.refused);
  else await state.endWriting(file);
  for (const warning of written.warnings) reporter.warn(`${file.path}: ${warning}.`);
  return written.refused;
}

/**
 * Has a slide's patches written from its plan, those that are all there already excepted.
 * @returns why they cannot be, or null
 */
export async function writeElsewhere(
  slide: PlannedSlide,
  { state, settings, concurrency }: PreparationJob,
  workers: SlideWorkers,
): Promise<string | null> {
  const { directory, files, outcomes } = state;
  const { file } = slide;
  const { fingerprint } = slide.examination;
  if (await isWritten(files, slide)) return null;
  await files.write(planOfSlide(file), planText(slide));
  const common = { directory, file, settings, fingerprint, concurrency, knownMpp: null };
  const reason = await workers.work({ ...common, kind: "write" });
  return reason ?? outcomes.refusalOf(file, fingerprint, "writing");
}

/** In this process, or in one of its own when the program has ended over the slide before. */
function writeWhere(slide: PlannedSlide, context: PreparationJob, onPatch: () => void) {
  const { state, settings, concurrency, slideModule, signal } = context;
  const { directory } = state;
  if (!state.isSuspect(slide.file)) return writeSlide(directory, slide, context, onPatch);
  const work = { kind: "write", directory, slide, settings, concurrency } as const;
  return inOwnProcess(slideModule, work, writtenSchema, signal);
}

/** Removes files of patches that an earlier, interrupted call had planned and this one has not. */
export async function removeUnplanned(files: SharedFiles, plan: SlidePlan): Promise<void> {
  const rows = plan.slides.flatMap(({ patches }) => patches);
  for (const split of SPLITS) {
    const planned = new Set(rows.filter((row) => row.split === split).map(patchFileName));
    for (const kind of ["image", "mask"]) {
      const folder = `${split}/${kind}`;
      for (const name of await files.namesIn(folder)) {
        if (!planned.has(name)) await files.remove(`${folder}/${name}`);
      }
    }
  }
}
