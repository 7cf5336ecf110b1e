import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { exists, type Reporter } from "../../common/index.js";
import { patchFileName, SPLITS } from "../records.js";
import type { PlannedSlide, SlidePlan } from "./plan.js";
import { crashReason, inOwnProcess } from "./slide-work.js";
import type { PreparationState } from "./state.js";
import { type SlideWritingContext, writeSlide, writtenSchema } from "./write-slide.js";

export interface WritingContext extends SlideWritingContext {
  readonly state: PreparationState;
  readonly reporter: Reporter;
  /** See `inOwnProcess()`. */
  readonly slideModule: string;
}

/**
 * Writes the patches of a plan, those excepted that are there already.
 * @returns slides with a patch that cannot be read, with the reason; the state has it too
 */
export async function writePlannedPatches(
  plan: SlidePlan,
  context: WritingContext,
): Promise<{ readonly slide: PlannedSlide; readonly reason: string }[]> {
  const { reporter } = context;
  const total = plan.slides.reduce((sum, { patches }) => sum + patches.length, 0);
  const failures: { slide: PlannedSlide; reason: string }[] = [];
  let before = 0;
  for (const slide of plan.slides) {
    if (slide.patches.length === 0) continue;
    let done = before;
    const reason = await writeOne(slide, context, () => {
      done += 1;
      reporter.progress({ task: "writing patches", done, total, detail: basename(slide.file.path) });
    });
    before += slide.patches.length;
    if (reason !== null) failures.push({ slide, reason });
  }
  return failures;
}

/** Why the slide cannot be used, or null. */
async function writeOne(
  slide: PlannedSlide,
  context: WritingContext,
  onPatch: () => void,
): Promise<string | null> {
  const { state, reporter } = context;
  const { file } = slide;
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

/** In this process, or in one of its own when the program has ended over the slide before. */
function writeWhere(slide: PlannedSlide, context: WritingContext, onPatch: () => void) {
  const { state, settings, concurrency, slideModule, signal } = context;
  const { directory } = state;
  if (!state.isSuspect(slide.file)) return writeSlide(directory, slide, context, onPatch);
  const work = { kind: "write", directory, slide, settings, concurrency } as const;
  return inOwnProcess(slideModule, work, writtenSchema, signal);
}

/** Removes files of patches that an earlier, interrupted call had planned and this one has not. */
export async function removeUnplanned(directory: string, plan: SlidePlan): Promise<void> {
  const rows = plan.slides.flatMap(({ patches }) => patches);
  for (const split of SPLITS) {
    const planned = new Set(rows.filter((row) => row.split === split).map(patchFileName));
    for (const folder of ["image", "mask"]) {
      const path = join(directory, split, folder);
      if (!(await exists(path))) continue;
      for (const name of await readdir(path)) {
        if (!planned.has(name)) await rm(join(path, name), { force: true });
      }
    }
  }
}
