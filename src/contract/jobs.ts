import * as z from "zod/mini";
import { problemSchema } from "./problem.js";
import {
  anyResolutionSetting as anyResolution,
  backboneSetting,
  inferenceSettings,
  preparationSettings,
  presetSetting,
  seedSetting,
  slideSettings,
} from "./settings.js";
import { labelledSquares } from "./teaching.js";
import { identifier, list } from "./values.js";

/** Slides of one job. */
const MOST_SLIDES = 10_000;

const slides = z.readonly(
  z
    .array(identifier, "Choose slides.")
    .check(z.minLength(1, "Choose at least one slide."), z.maxLength(MOST_SLIDES)),
);

const nameMessage =
  "Give a name: letters, digits, spaces, dots, dashes; at most 64, a letter or digit first, no space or dot last.";
/** Of a dataset or a run; names become folders on any system. */
const name = z.string(nameMessage).check(
  z.regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u, nameMessage),
  z.refine((text) => !/[ .]$/.test(text), nameMessage),
);

const { gate, overlap, tissue } = inferenceSettings.shape;
const { patchSize, split, stride } = preparationSettings.shape;
const { unmarked } = slideSettings.shape;
/** Microns per pixel for slides that tell none. */
const { mpp, patchMpp } = inferenceSettings.shape;

/**
 * What a job is to do; ids are those of the workspace, values left out are the command line's defaults. Slides of
 * `prepare` get the corrections that were saved here, or the annotation files beside the slides; what is not marked in a
 * corrected slide is `unknown`, so that patches are taken only where everything is marked or inside a `REVIEWED_CLASS`
 * outline, or free of tumour (`normal`), results that nobody has judged excepted. `retrain` trains the decoder of a run
 * once more, with corrected masks of the slides. `teach` makes a run of squares of a slide, of its own or on another
 * run, and segments the slide with it where that is wanted (`apply`).
 */
export const jobRequestSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("infer"),
    run: identifier,
    slides,
    stage: z.optional(identifier),
    overlap: z.optional(overlap.def.innerType),
    gate,
    mpp,
    tissue: z.optional(tissue.def.innerType),
    anyResolution,
  }),
  z.strictObject({
    kind: z.literal("prepare"),
    name,
    slides,
    patchSize,
    stride,
    mpp,
    patchMpp,
    split: z.optional(split.def.innerType),
    tissue: z.optional(tissue.def.innerType),
    annotations: z.enum(["corrections", "files"]),
    unmarked,
    anyResolution,
  }),
  z.strictObject({
    kind: z.literal("train"),
    name,
    dataset: identifier,
    preset: presetSetting,
    backbone: z.optional(backboneSetting),
    seed: seedSetting,
    anyResolution,
  }),
  z.strictObject({ kind: z.literal("retrain"), name, run: identifier, slides, mpp, unmarked, anyResolution }),
  z.strictObject({
    kind: z.literal("teach"),
    name,
    slide: identifier,
    run: z.optional(identifier),
    squares: labelledSquares,
    apply: z.boolean(),
  }),
]);
export type JobRequest = z.infer<typeof jobRequestSchema>;
/** Kinds of jobs that have a form; squares are taught with on their slide. */
export type JobKind = Exclude<JobRequest["kind"], "teach">;
export const jobKinds: readonly JobKind[] = ["infer", "prepare", "train", "retrain"];

const jobState = z.enum(["queued", "running", "done", "failed", "cancelled", "interrupted"]);
export type JobState = z.infer<typeof jobState>;

const text = z.nullable(z.string());

/** A job. One runs at a time; `interrupted` ones were cut off by the end of the server and can be resumed. */
export const jobEntrySchema = z.object({
  id: z.string(),
  /** Grows with every change, also over restarts: answers and events may arrive in another order than they were sent. */
  revision: z._default(z.int(), 0),
  title: z.string(),
  request: jobRequestSchema,
  state: jobState,
  /** Whether it runs, and ends at its next safe point since it was cancelled. */
  stopping: z._default(z.boolean(), false),
  /** ISO 8601. */
  createdAt: z.string(),
  startedAt: text,
  finishedAt: text,
  progress: z.nullable(
    z.object({
      task: z.string(),
      done: z.number(),
      total: z.number(),
      detail: text,
      /** Of the whole job, from 0 to 1; left out where that cannot be told. `secondsLeft` is null until it can be. */
      whole: z.exactOptional(z.object({ share: z.number(), secondsLeft: z.nullable(z.number()) })),
    }),
  ),
  /** Last notes and warnings, oldest first. */
  log: list(z.string()),
  /** Why it failed. */
  problem: z.nullable(problemSchema),
  /** What it made: ids of the workspace. */
  result: z.nullable(
    z.object({
      dataset: z.exactOptional(z.string()),
      run: z.exactOptional(z.string()),
      slides: z.exactOptional(list(z.string())),
    }),
  ),
  /** Whether `POST /api/jobs/:id/resume` would go on with it. */
  resumable: z.boolean(),
});
export type JobEntry = z.infer<typeof jobEntrySchema>;
export const jobsSchema = list(jobEntrySchema);

/**
 * `GET /api/events`, server-sent events: `jobs` (a {@link JobEntry} that changed), `removed-jobs` ({id}), `workspace`
 * (data: `{}`; fetch it again), `annotations` ({slide, revision}). `POST /api/jobs` takes a {@link JobRequest};
 * `POST /api/jobs/:id/cancel` and `…/resume`; `DELETE /api/jobs/:id` forgets one that is over; `GET /api/jobs` lists
 * them, the newest first.
 */
export const eventSchemas = {
  jobs: jobEntrySchema,
  "removed-jobs": z.object({ id: z.string() }),
  workspace: z.object({}),
  annotations: z.object({ slide: z.string(), revision: z.int() }),
};
type EventName = keyof typeof eventSchemas;
export const eventNames: readonly EventName[] = ["jobs", "removed-jobs", "workspace", "annotations"];
export type ServerEvent = {
  [Name in EventName]: { readonly event: Name; readonly data: z.infer<(typeof eventSchemas)[Name]> };
}[EventName];
