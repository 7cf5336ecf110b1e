import { z } from "zod";
import { EpSamError, hashBytes, packageVersion } from "../../common/index.js";
import type { PrepareSlidesOptions, SharedSlideWork } from "../../dataset/index.js";
import type { InferSlidesOptions, SlideTask } from "../../inference/index.js";

/** Options of inference that are plain data. */
export type PlainInferOptions = Omit<
  InferSlidesOptions,
  "device" | "reporter" | "signal" | "openSlide" | "mppOf" | "annotations" | "leaveOut" | "shared"
>;

/** Work on one slide, as it lies in Redis: paths that every worker has, and settings. */
export type SlideJob =
  | {
      readonly kind: "infer";
      readonly options: PlainInferOptions;
      readonly task: SlideTask;
      /** SHA-256 of the models that the cohort is segmented with. */
      readonly models: string;
    }
  | { readonly kind: "prepare"; readonly work: SharedSlideWork };

const slideJobSchema = z.custom<SlideJob>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    "kind" in value &&
    ((value.kind === "infer" && "task" in value && "options" in value) ||
      (value.kind === "prepare" && "work" in value)),
);

const jobDataSchema = z.object({
  /** Jobs of one command: they are counted and cancelled together. */
  cohort: z.string(),
  /** Of this package: another one's results may differ. */
  version: z.string(),
  /** The slide's name. */
  slide: z.string(),
  job: slideJobSchema,
});

export type JobData = z.infer<typeof jobDataSchema>;

/** @throws EpSamError `internal` for what no version of this package put there */
export function readJobData(value: unknown): JobData {
  const read = jobDataSchema.safeParse(value);
  if (read.success) return read.data;
  throw new EpSamError("internal", {
    where: "the queue",
    what: "holds a job that is none of this program's",
  });
}

/** What comes of a job, for who follows it. */
export const jobResultSchema = z.object({
  outcome: z.enum(["done", "cancelled"]),
  seconds: z.number(),
});
export type JobResult = z.infer<typeof jobResultSchema>;

/** How far a slide is. */
export const jobProgressSchema = z.object({
  done: z.number(),
  total: z.number(),
  note: z.string().nullable(),
});
export type JobProgress = z.infer<typeof jobProgressSchema>;

/** Jobs of one command; the same command given again has the same. */
export function cohortOf(kind: string, out: string, options: object): string {
  return hashBytes(JSON.stringify([kind, out, options])).slice(0, 16);
}

/** The same work has the same id, so that it is in the queue once, whoever asks for it. */
export async function jobOf(cohort: string, slide: string, job: SlideJob) {
  const version = await packageVersion();
  const data: JobData = { cohort, version, slide, job };
  const id = hashBytes(JSON.stringify(data)).slice(0, 32);
  return { id, data };
}

export type QueuedJob = Awaited<ReturnType<typeof jobOf>>;

/** Options of a preparation without what stays in the process that prepares. */
export type PlainPrepareOptions = Omit<
  PrepareSlidesOptions,
  "reporter" | "signal" | "openSlide" | "slideModule" | "workers"
>;
