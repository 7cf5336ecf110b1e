import { z } from "zod";
import { AnsweringChild, answerParent, ChildLost } from "../../common/index.js";
import type { MicronsPerPixel, PixelSource } from "../../slides/index.js";
import { examineSlide } from "./examine.js";
import type { SlideFile } from "./find-slides.js";
import type { SlideSettings } from "./options.js";
import { examinationSchema } from "./outcomes.js";
import type { PlannedSlide } from "./plan.js";
import { writeSlide } from "./write-slide.js";

/*
 * A slide over which the program ended before its work was done is worked on in a process of its own. Whether the
 * slide or the machine ended the program then shows: a slide ends that process and leaves this one alive.
 */

/** Times that a slide may end a process of its own before it is left out: a machine may be short of memory once. */
const TRIES = 2;

type SlideWork =
  | {
      readonly kind: "examine";
      readonly file: SlideFile;
      readonly settings: SlideSettings;
      readonly fingerprint: string;
      readonly knownMpp: MicronsPerPixel | null;
    }
  | {
      readonly kind: "write";
      readonly directory: string;
      readonly slide: PlannedSlide;
      readonly settings: SlideSettings;
      readonly concurrency: number;
    };

const workSchema = z.custom<SlideWork>(
  (value) => typeof value === "object" && value !== null && "kind" in value,
);

export const examinedSchema = z.union([
  z.object({ accepted: examinationSchema }),
  z.object({ refused: z.string() }),
]);

/**
 * Does a slide's work in a process of its own.
 * @param module the file of a module that calls {@link answerSlideWork}
 * @returns the answer, or how the slide ended its process every time
 */
export async function inOwnProcess<Answer>(
  module: string,
  work: SlideWork,
  schema: z.ZodType<Answer>,
  signal: AbortSignal | undefined,
): Promise<Answer | { readonly crashed: string }> {
  let how = "";
  for (let tried = 0; tried < TRIES; tried++) {
    signal?.throwIfAborted();
    const child = new AnsweringChild<SlideWork>({ module });
    const stop = () => child.end("it was stopped");
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await child.ask(work, schema);
    } catch (cause) {
      signal?.throwIfAborted();
      if (!(cause instanceof ChildLost)) throw cause;
      how = cause.message;
    } finally {
      signal?.removeEventListener("abort", stop);
      child.end();
    }
  }
  return { crashed: how };
}

/** What is said of a slide that ended its process. */
export function crashReason(how: string, directory: string): string {
  const memory = how.includes("SIGKILL") ? " (mostly the system was out of memory)" : "";
  return (
    `ends the program that reads it: ${how}${memory}; what is known of the other slides is kept in ${directory}: ` +
    "the same call with `overwrite: true` tries this slide again without examining those"
  );
}

/** Answers what {@link inOwnProcess} asks. Signals for the group are left to the process that asks. */
export function answerSlideWork(openSlide: (path: string) => Promise<PixelSource>): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  answerParent<SlideWork>(workSchema, (work) =>
    work.kind === "examine"
      ? examineSlide(work.file, { ...work, openSlide, signal: undefined, onProgress: () => undefined })
      : writeSlide(work.directory, work.slide, { ...work, openSlide, signal: undefined }, () => undefined),
  );
}
