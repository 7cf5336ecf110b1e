import * as z from "zod/mini";
import {
  defaultOf,
  inferenceSettings,
  type JobKind,
  type JobRequest,
  jobRequestSchema,
  preparationSettings,
  presetSetting,
  type Workspace,
} from "../../contract/index.js";

/** What stands in the form that starts a job, as it was typed. */
const draftSchema = z.object({
  name: z.string(),
  run: z.string(),
  stage: z.string(),
  dataset: z.string(),
  slides: z.readonly(z.array(z.string())),
  overlap: z.string(),
  gate: z.string(),
  mpp: z.string(),
  tissue: z.enum(["otsu", "all"]),
  annotations: z.enum(["corrections", "files"]),
  unmarked: z.enum(["unknown", "normal"]),
  patchSize: z.string(),
  stride: z.string(),
  patchMpp: z.string(),
  split: z.string(),
  preset: presetSetting,
  backbone: z.string(),
  seed: z.string(),
  anyResolution: z.enum(["no", "yes"]),
});
export type JobDraft = Readonly<z.infer<typeof draftSchema>>;

/** What a form is about before anything is typed: ids that the link named. */
export interface GivenIds {
  readonly run: string | null;
  readonly dataset: string | null;
  readonly slide: string | null;
}

/** A draft that this tab kept; null when there is none, or one of another version. */
export function keptDraft(text: string | null): JobDraft | null {
  return text === null ? null : (z.safeParse(draftSchema, JSON.parse(text)).data ?? null);
}

/** Characters of the name of a dataset or run. */
const LONGEST_NAME = 64;

export type JobField = keyof JobDraft;

/** What is wrong with a form, by field. */
export type DraftErrors = Readonly<Partial<Record<JobField, string>>>;

/** The form as it begins; empty numbers stand for what is usual. */
export function emptyDraft(workspace: Workspace, given: GivenIds): JobDraft {
  return {
    name: "",
    run: given.run ?? workspace.runs.find(({ stages }) => stages.length > 0)?.id ?? "",
    stage: "",
    dataset: given.dataset ?? workspace.datasets[0]?.id ?? "",
    slides: given.slide === null ? [] : [given.slide],
    overlap: "",
    gate: "",
    mpp: "",
    tissue: "otsu",
    annotations: "corrections",
    unmarked: "unknown",
    patchSize: String(defaultOf(preparationSettings.shape.patchSize)),
    stride: "",
    patchMpp: "",
    split: defaultOf(preparationSettings.shape.split).join(),
    preset: "laptop",
    backbone: "",
    seed: String(defaultOf(preparationSettings.shape.seed)),
    anyResolution: "no",
  };
}

/**
 * The form as a job filled it, to be repeated with changes. What was made of the job has its name, so this one gets
 * another. What is not here any more has to be chosen anew.
 */
export function draftOf(request: JobRequest, workspace: Workspace): JobDraft {
  const empty = emptyDraft(workspace, { run: null, dataset: null, slide: null });
  const given = Object.fromEntries(
    Object.entries(request).flatMap(([field, value]) => {
      // A program may ask for a threshold, for which the form has no field.
      if (field === "tissue" && typeof value === "number") return [];
      if (field === "anyResolution") return [[field, value === true ? "yes" : "no"]];
      return value === undefined ? [] : [[field, typeof value === "number" ? String(value) : value]];
    }),
  );
  const split = "split" in request && request.split !== undefined ? request.split.join() : empty.split;
  const draft = z.parse(draftSchema, { ...empty, stage: "", ...given, split });
  const known = (id: string, all: readonly { readonly id: string }[]) =>
    all.some((entry) => entry.id === id) ? id : "";
  return {
    ...draft,
    name: draft.name === "" ? "" : freeName(draft.name, workspace),
    run: known(draft.run, workspace.runs),
    dataset: known(draft.dataset, workspace.datasets),
    slides: draft.slides.filter((id) => known(id, workspace.slides) !== ""),
  };
}

/** Runs that a job can be done with, to choose from: a head that squares have taught has no decoder to be trained again. */
export function runChoices(kind: JobKind, { runs }: Workspace): (readonly [id: string, name: string])[] {
  const fit = kind === "retrain" ? runs.filter(({ taught }) => taught?.isWhole !== true) : runs;
  return [["", "choose …"], ...fit.map(({ id, name }) => [id, name] as const)];
}

/** How many slides of a job are not here any more. */
export function slidesGone(request: JobRequest, { slides }: Workspace): number {
  if (!("slides" in request)) return 0;
  return request.slides.filter((wanted) => slides.every(({ id }) => id !== wanted)).length;
}

/** A name with the next number that no dataset or run has: `set 2` after `set`. */
function freeName(name: string, { datasets, runs }: Workspace): string {
  const taken = new Set([...datasets, ...runs].map((entry) => entry.name));
  const stem = name.replace(/ \d+$/, "");
  for (let number = 2; ; number += 1) {
    const candidate = `${stem.slice(0, LONGEST_NAME - 4)} ${number}`;
    if (!taken.has(candidate) && candidate !== name) return candidate;
  }
}

/** The fields of each kind of job, in the order of the form. */
export const fieldsOf: Readonly<Record<JobKind, readonly JobField[]>> = {
  infer: ["run", "stage", "slides", "mpp", "tissue", "overlap", "gate", "anyResolution"],
  prepare: [
    "name",
    "slides",
    "annotations",
    "unmarked",
    "mpp",
    "tissue",
    "patchSize",
    "stride",
    "patchMpp",
    "split",
    "anyResolution",
  ],
  train: ["name", "dataset", "preset", "backbone", "seed", "anyResolution"],
  retrain: ["name", "run", "slides", "unmarked", "mpp", "anyResolution"],
};

/** The job that a form asks for, or what is wrong with it. */
export function readDraft(
  kind: JobKind,
  draft: JobDraft,
  workspace: Workspace,
): { readonly request: JobRequest } | { readonly errors: DraftErrors } {
  const values: Readonly<Record<JobField, unknown>> = {
    ...draft,
    name: draft.name.trim(),
    stage: draft.stage === "" ? undefined : draft.stage,
    unmarked: kind === "prepare" && draft.annotations === "files" ? undefined : draft.unmarked,
    backbone: draft.backbone.trim() === "" ? undefined : draft.backbone.trim(),
    overlap: numberIn(draft.overlap),
    gate: numberIn(draft.gate),
    mpp: numberIn(draft.mpp),
    patchSize: numberIn(draft.patchSize),
    stride: numberIn(draft.stride),
    patchMpp: numberIn(draft.patchMpp),
    split: draft.split.trim() === "" ? undefined : draft.split.split(/[,;\s]+/).map(numberIn),
    seed: numberIn(draft.seed),
    anyResolution: draft.anyResolution === "yes" ? true : undefined,
  };
  const fields = fieldsOf[kind];
  const read = z.safeParse(jobRequestSchema, {
    kind,
    ...Object.fromEntries(fields.map((field) => [field, values[field]])),
  });
  const missing = missingIn(draft, workspace);
  const errors = Object.fromEntries(
    fields.flatMap((field) => {
      const error = missing[field] ?? messageAt(read.error, field);
      return error === undefined ? [] : [[field, error] as const];
    }),
  );
  return read.success && Object.keys(errors).length === 0 ? { request: read.data } : { errors };
}

function messageAt(error: z.core.$ZodError | undefined, field: JobField): string | undefined {
  return error?.issues.find(({ path }) => path[0] === field)?.message;
}

/** What only the workspace knows: whether what was chosen is there, and slides that need a resolution. */
function missingIn(draft: JobDraft, workspace: Workspace): DraftErrors {
  const silent = draft.mpp.trim() === "" ? slidesWithoutResolution(draft.slides, workspace) : [];
  return {
    ...(workspace.runs.some(({ id }) => id === draft.run) ? {} : { run: "Choose a run." }),
    ...(workspace.datasets.some(({ id }) => id === draft.dataset) ? {} : { dataset: "Choose a dataset." }),
    // Slides that tell no resolution need one, and it is never guessed.
    ...(silent.length === 0
      ? {}
      : { mpp: `${silent.join(", ")}: the file tells no resolution. Give it here.` }),
  };
}

/** Names of the chosen slides whose files tell no microns per pixel. */
export function slidesWithoutResolution(chosen: readonly string[], { slides }: Workspace): readonly string[] {
  return slides
    .filter(({ id, micronsPerPixel }) => chosen.includes(id) && micronsPerPixel === null)
    .map(({ name }) => name);
}

/** What was typed as a number: nothing when nothing was, NaN when it is none. */
function numberIn(text: string): number | undefined {
  if (text.trim() === "") return undefined;
  return /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
}

/** What an empty field stands for. */
export const PLACEHOLDERS: Readonly<Partial<Record<JobField, string>>> = {
  overlap: String(defaultOf(inferenceSettings.shape.overlap)),
  gate: "the run's",
  stride: "the patch size",
  patchMpp: "the slides' own",
  split: defaultOf(preparationSettings.shape.split).join(),
};
