import { z } from "zod";
import { EpSamError, jsonIfFits } from "../../common/index.js";
import {
  type MicronsPerPixel,
  type PixelSource,
  readSharedText,
  type SharedFiles,
  sharedFiles,
} from "../../slides/index.js";
import { patchFileName, SPLITS } from "../records.js";
import { examineSlide } from "./examine.js";
import type { SlideFile } from "./find-slides.js";
import type { SlideSettings } from "./options.js";
import { planOfSlide, SlideOutcomes } from "./outcomes.js";
import type { PlannedSlide } from "./plan.js";
import { crashReason, examinedSchema, inOwnProcess } from "./slide-work.js";
import { writeSlide, writtenSchema } from "./write-slide.js";

/** Work on one slide that any process may do that has the preparation's directory and the slide, here or elsewhere. */
export interface SharedSlideWork {
  readonly kind: "examine" | "write";
  /** A folder, or a place in a bucket. */
  readonly directory: string;
  readonly file: SlideFile;
  readonly settings: SlideSettings;
  readonly fingerprint: string;
  readonly knownMpp: MicronsPerPixel | null;
  /** Patches that are read at a time. */
  readonly concurrency: number;
}

/** Who works on slides in the place of the process that prepares. */
export interface SlideWorkers {
  /** Slides that may be under way at a time. */
  readonly atOnce: number;
  /**
   * Has the work done; what came of it lies in the preparation's directory then.
   * @returns why it cannot be done, or null
   */
  work(work: SharedSlideWork): Promise<string | null>;
}

/** How shared work is done here. */
export interface SharedWorkOptions {
  readonly openSlide: (path: string) => Promise<PixelSource>;
  /** See `inOwnProcess()`; left out, the slide is worked on in this process. */
  readonly slideModule?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Does a slide's work and keeps what came of it in the preparation's directory. Done again, by whomever, it gives the
 * same files.
 * @returns warnings of pixels that were read
 */
export async function doSharedWork(
  work: SharedSlideWork,
  options: SharedWorkOptions,
): Promise<readonly string[]> {
  const outcomes = new SlideOutcomes(work.directory);
  const { file, fingerprint } = work;
  if (work.kind === "examine") {
    const examined = await examine(work, options);
    const outcome =
      "crashed" in examined ? { refused: crashReason(examined.crashed, work.directory) } : examined;
    await outcomes.keep(file, outcome, fingerprint);
    return [];
  }
  const written = await write(work, options);
  const reason = "crashed" in written ? crashReason(written.crashed, work.directory) : written.refused;
  if (reason !== null) await outcomes.refuse(file, reason, fingerprint, "writing");
  return "crashed" in written ? [] : written.warnings;
}

function examine(work: SharedSlideWork, { openSlide, slideModule, signal, onProgress }: SharedWorkOptions) {
  const { file, settings, fingerprint, knownMpp } = work;
  if (slideModule !== undefined) {
    const alone = { kind: "examine", file, settings, fingerprint, knownMpp } as const;
    return inOwnProcess(slideModule, alone, examinedSchema, signal);
  }
  return examineSlide(file, {
    ...{ settings, fingerprint, knownMpp, openSlide, signal },
    onProgress: (_step, done, total) => onProgress?.(done, total),
  });
}

async function write(
  work: SharedSlideWork,
  { openSlide, slideModule, signal, onProgress }: SharedWorkOptions,
) {
  const { directory, settings, concurrency } = work;
  const slide = await readPlan(directory, work.file);
  if (slideModule !== undefined) {
    const alone = { kind: "write", directory, slide, settings, concurrency } as const;
    return inOwnProcess(slideModule, alone, writtenSchema, signal);
  }
  let done = 0;
  const onPatch = () => onProgress?.(++done, slide.patches.length);
  return writeSlide(directory, slide, { settings, openSlide, concurrency, signal }, onPatch);
}

const planSchema = z.custom<PlannedSlide>(
  (value) => typeof value === "object" && value !== null && "patches" in value && "geometry" in value,
);

/** A slide's plan without what it was chosen from, which writing has no need of. */
export function planText({ examination, ...slide }: PlannedSlide): string {
  return JSON.stringify({ ...slide, examination: { ...examination, candidates: [], looks: null } });
}

/** Whether the patches of a slide's plan are there. */
export async function patchesAreWritten(directory: string, file: SlideFile): Promise<boolean> {
  return isWritten(sharedFiles(directory), await readPlan(directory, file));
}

export async function isWritten(files: SharedFiles, { patches }: PlannedSlide): Promise<boolean> {
  for (const split of SPLITS) {
    const names = patches.filter((row) => row.split === split).map(patchFileName);
    if ((await files.present(`${split}/image`, names)).size < names.length) return false;
  }
  return true;
}

async function readPlan(directory: string, file: SlideFile): Promise<PlannedSlide> {
  const name = planOfSlide(file);
  const text = await readSharedText(sharedFiles(directory), name);
  const plan = text === null ? undefined : jsonIfFits(text, planSchema);
  if (plan !== undefined) return plan;
  throw new EpSamError("storage", {
    where: `${directory}/${name}`,
    what: "is no plan of a slide",
    action: "Give the command again that prepares: it writes the plans anew.",
  });
}
