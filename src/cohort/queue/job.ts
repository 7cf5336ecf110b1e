import { z } from "zod";
import { ROLES } from "../../annotations/index.js";
import { EpSamError, hashBytes, packageVersion } from "../../common/index.js";
import type { PrepareSlidesOptions, SharedSlideWork } from "../../dataset/index.js";
import type { InferSlidesOptions, SlideTask } from "../../inference/index.js";
import { configSchema } from "../../run/index.js";
import type { EmbeddingWork } from "../../training/index.js";

/** Options of inference that are plain data. */
export type PlainInferOptions = Omit<
  InferSlidesOptions,
  "device" | "reporter" | "signal" | "openSlide" | "mppOf" | "annotations" | "leaveOut" | "shared"
>;

/** Work on one slide, or on some patches of a dataset, as it lies in Redis: paths that every worker has, and settings. */
export type SlideJob =
  | {
      readonly kind: "infer";
      readonly options: PlainInferOptions;
      readonly task: SlideTask;
      /** SHA-256 of the models that the cohort is segmented with. */
      readonly models: string;
    }
  | { readonly kind: "prepare"; readonly work: SharedSlideWork }
  | { readonly kind: "embed"; readonly work: EmbeddingWork };

const text = z.string();
/** A slide's name is a part of paths. */
const stem = text.regex(/^[^/\\]+$/).refine((name) => name !== "." && name !== "..");
const micronsPerPixel = z.strictObject({ x: z.number().positive(), y: z.number().positive() });

const inferOptionsSchema: z.ZodType<PlainInferOptions> = z.strictObject({
  inputs: z.array(text),
  run: text,
  out: text,
  stage: text.optional(),
  gate: z.number().optional(),
  overlap: z.number().optional(),
  resume: z.boolean().optional(),
  overwrite: z.boolean().optional(),
  anyResolution: z.boolean().optional(),
  mpp: z.number().optional(),
  patchMpp: z.number().optional(),
  tissue: z.union([z.enum(["otsu", "all"]), z.number()]).optional(),
  tolerance: z.number().optional(),
  minimumArea: z.number().optional(),
  annotationOrigin: z.enum(["slide", "bounds"]).optional(),
  groups: z.partialRecord(z.enum(ROLES), z.array(text)).optional(),
  labelledSquares: text.optional(),
});

const taskSchema: z.ZodType<SlideTask> = z.strictObject({
  slide: z.strictObject({ stem, path: text, annotation: text.nullable(), warnings: z.array(text) }),
  squares: z
    .array(
      z.strictObject({
        x: z.number(),
        y: z.number(),
        size: z.number(),
        tumour: z.union([z.literal(0), z.literal(1)]),
      }),
    )
    .nullable(),
  firstMpp: z.strictObject({ of: text, mpp: z.number() }).nullable(),
});

const preparationWorkSchema: z.ZodType<SharedSlideWork> = z.strictObject({
  kind: z.enum(["examine", "write"]),
  directory: text,
  file: z.strictObject({ stem, path: text, annotationPath: text.nullable() }),
  // Of the same version, which made them of checked options; they name no file.
  settings: z.custom<SharedSlideWork["settings"]>((value) => typeof value === "object" && value !== null),
  fingerprint: text,
  knownMpp: micronsPerPixel.nullable(),
  concurrency: z.int().min(1),
});

const embeddingWorkSchema: z.ZodType<EmbeddingWork> = z.strictObject({
  by: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("sam"), sam: configSchema.shape.sam, patchSize: z.int().min(1) }),
    z.strictObject({
      kind: z.literal("features"),
      // Names of a foundation model that a worker lacks are told by whoever opens it.
      backbone: z.union([text, z.array(text)]),
      shown: z.strictObject({
        patchSize: z.int().min(1),
        trainedSize: z.int().min(1),
        side: z.int().min(1),
        micronsPerPixel: z.number().positive().nullable(),
      }),
    }),
  ]),
  ids: z.array(text).min(1),
  cache: configSchema.shape.cache,
  patches: z.array(z.strictObject({ imagePath: text, variants: z.array(z.int().min(0).max(7)).min(1) })),
});

export const slideJobSchema: z.ZodType<SlideJob> = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("infer"),
    options: inferOptionsSchema,
    task: taskSchema,
    models: text,
  }),
  z.strictObject({ kind: z.literal("prepare"), work: preparationWorkSchema }),
  z.strictObject({ kind: z.literal("embed"), work: embeddingWorkSchema }),
]);

const jobDataSchema = z.object({
  /** Jobs of one command: they are counted and cancelled together. */
  cohort: z.string(),
  /** Of this package: another one's results may differ. */
  version: z.string(),
  /** The slide's name, or which patches. */
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
