import type { Problem } from "./workspace.js";

/**
 * What is not marked in a corrected slide: `unknown`, so that patches are taken only where everything is marked or
 * inside a `REVIEWED_CLASS` outline, or free of tumour, results that nobody has judged excepted.
 */
export type UnmarkedRule = "unknown" | "normal";

/** What a job is to do; ids are those of the workspace, values left out are the command line's defaults. */
export type JobRequest =
  | {
      readonly kind: "infer";
      readonly run: string;
      readonly slides: readonly string[];
      readonly stage?: string | undefined;
      /** How much neighbouring patches overlap, 0 to 0.75. */
      readonly overlap?: number | undefined;
      readonly gate?: number | undefined;
      /** Microns per pixel for slides that tell none. */
      readonly mpp?: number | undefined;
      readonly tissue?: "otsu" | "all" | undefined;
    }
  | {
      readonly kind: "prepare";
      /** Name of the dataset to make. */
      readonly name: string;
      readonly slides: readonly string[];
      readonly patchSize: number;
      readonly stride: number;
      /** Microns per pixel for slides that tell none. */
      readonly mpp?: number | undefined;
      readonly tissue?: "otsu" | "all" | undefined;
      /** Take the corrections saved here, or the annotation files beside the slides. */
      readonly annotations: "corrections" | "files";
      readonly unmarked?: UnmarkedRule | undefined;
    }
  | {
      readonly kind: "train";
      readonly name: string;
      readonly dataset: string;
      readonly preset: "laptop" | "paper";
      readonly seed: number;
    }
  | {
      /** Re-trains the decoder of a run with corrected masks of the slides. */
      readonly kind: "retrain";
      readonly name: string;
      readonly run: string;
      readonly slides: readonly string[];
      /** Microns per pixel for slides that tell none. */
      readonly mpp?: number | undefined;
      readonly unmarked?: UnmarkedRule | undefined;
    };

export type JobState = "queued" | "running" | "done" | "failed" | "cancelled" | "interrupted";

/** A job. One runs at a time; `interrupted` ones were cut off by the end of the server and can be resumed. */
export interface JobEntry {
  readonly id: string;
  /** Grows with every change, also over restarts: answers and events may arrive in another order than they were sent. */
  readonly revision: number;
  readonly title: string;
  readonly request: JobRequest;
  readonly state: JobState;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly progress: {
    readonly task: string;
    readonly done: number;
    readonly total: number;
    readonly detail: string | null;
  } | null;
  /** Last notes and warnings, oldest first. */
  readonly log: readonly string[];
  /** Why it failed. */
  readonly problem: Problem | null;
  /** What it made: ids of the workspace. */
  readonly result: {
    readonly dataset?: string;
    readonly run?: string;
    readonly slides?: readonly string[];
  } | null;
  /** Whether `POST /api/jobs/:id/resume` would go on with it. */
  readonly resumable: boolean;
}

/**
 * `GET /api/events`, server-sent events: `jobs` (a {@link JobEntry} that changed), `workspace` (data: `{}`; fetch it
 * again), `annotations` ({slide, revision}). `POST /api/jobs` takes a {@link JobRequest}; `POST /api/jobs/:id/cancel`
 * and `…/resume`; `GET /api/jobs` lists them, the newest first.
 */
export type ServerEvent =
  | { readonly event: "jobs"; readonly data: JobEntry }
  | { readonly event: "workspace"; readonly data: Readonly<Record<string, never>> }
  | { readonly event: "annotations"; readonly data: { readonly slide: string; readonly revision: number } };
