import type { JobRequest, UnmarkedRule, Workspace } from "../../contract/index.js";
import type { JobKind } from "../routing/hash-link.js";

/** What stands in the form that starts a job, as it was typed. */
export interface JobDraft {
  readonly name: string;
  readonly run: string;
  readonly stage: string;
  readonly dataset: string;
  readonly slides: readonly string[];
  readonly overlap: string;
  readonly gate: string;
  readonly mpp: string;
  readonly tissue: "otsu" | "all";
  readonly annotations: "corrections" | "files";
  readonly unmarked: UnmarkedRule;
  readonly patchSize: string;
  readonly stride: string;
  readonly preset: "laptop" | "paper";
  readonly seed: string;
}

export type JobField = keyof JobDraft;

/** What is wrong with a form, by field. */
export type DraftErrors = Readonly<Partial<Record<JobField, string>>>;

/** The form as it begins; empty numbers stand for the command line's defaults. */
export function emptyDraft(
  workspace: Workspace,
  given: { readonly run: string | null; readonly dataset: string | null; readonly slide: string | null },
): JobDraft {
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
    patchSize: "512",
    stride: "512",
    preset: "laptop",
    seed: "0",
  };
}

/** The fields of each kind of job, in the order of the form. */
export const fieldsOf: Readonly<Record<JobKind, readonly JobField[]>> = {
  infer: ["run", "stage", "slides", "mpp", "tissue", "overlap", "gate"],
  prepare: ["name", "slides", "annotations", "unmarked", "mpp", "tissue", "patchSize", "stride"],
  train: ["name", "dataset", "preset", "seed"],
  retrain: ["name", "run", "slides", "unmarked", "mpp"],
};

/** Names become names of folders. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u;

/** The job that a form asks for, or what is wrong with it. */
export function readDraft(
  kind: JobKind,
  draft: JobDraft,
  workspace: Workspace,
): { readonly request: JobRequest } | { readonly errors: DraftErrors } {
  const errors = errorsOf(kind, draft, workspace);
  if (Object.keys(errors).length > 0) return { errors };
  const { name, run, slides, dataset, preset, tissue, annotations, unmarked } = draft;
  const mpp = optional(draft.mpp);
  switch (kind) {
    case "infer":
      return {
        request: {
          kind,
          run,
          slides,
          tissue,
          mpp,
          stage: draft.stage === "" ? undefined : draft.stage,
          overlap: optional(draft.overlap),
          gate: optional(draft.gate),
        },
      };
    case "prepare":
      return {
        request: {
          kind,
          name: name.trim(),
          slides,
          patchSize: Number(draft.patchSize),
          stride: Number(draft.stride),
          mpp,
          tissue,
          annotations,
          unmarked: annotations === "corrections" ? unmarked : undefined,
        },
      };
    case "train":
      return { request: { kind, name: name.trim(), dataset, preset, seed: Number(draft.seed) } };
    case "retrain":
      return { request: { kind, name: name.trim(), run, slides, unmarked, mpp } };
  }
}

function errorsOf(kind: JobKind, draft: JobDraft, workspace: Workspace): DraftErrors {
  const checks: Readonly<Record<JobField, string | null>> = {
    name: NAME.test(draft.name.trim())
      ? null
      : "Give a name: letters, digits, spaces, dots, dashes; at most 64, a letter or digit first.",
    run: workspace.runs.some(({ id }) => id === draft.run) ? null : "Choose a run.",
    stage: null,
    dataset: workspace.datasets.some(({ id }) => id === draft.dataset) ? null : "Choose a dataset.",
    slides: draft.slides.length > 0 ? null : "Choose at least one slide.",
    overlap: numberError(draft.overlap, 0, 0.75),
    gate: numberError(draft.gate, 0, 1),
    mpp: resolutionError(draft, workspace),
    tissue: null,
    annotations: null,
    unmarked: null,
    patchSize: wholeError(draft.patchSize, 32, 4096),
    stride: wholeError(draft.stride, 16, 8192),
    preset: null,
    seed: wholeError(draft.seed, 0, 2 ** 32 - 1),
  };
  return Object.fromEntries(
    fieldsOf[kind].flatMap((field) => (checks[field] === null ? [] : [[field, checks[field]]])),
  );
}

/** Slides that tell no resolution need one, and it is never guessed. */
function resolutionError({ mpp, slides }: JobDraft, workspace: Workspace): string | null {
  if (mpp.trim() !== "")
    return Number(mpp) > 0 && Number(mpp) <= 100 ? null : "Give microns per pixel, such as 0.25.";
  const silent = slidesWithoutResolution(slides, workspace);
  return silent.length === 0 ? null : `${silent.join(", ")}: the file tells no resolution. Give it here.`;
}

/** Names of the chosen slides whose files tell no microns per pixel. */
export function slidesWithoutResolution(chosen: readonly string[], { slides }: Workspace): readonly string[] {
  return slides
    .filter(({ id, micronsPerPixel }) => chosen.includes(id) && micronsPerPixel === null)
    .map(({ name }) => name);
}

function numberError(text: string, least: number, most: number): string | null {
  if (text.trim() === "") return null;
  const value = Number(text);
  return value >= least && value <= most ? null : `Give a number from ${least} to ${most}, or nothing.`;
}

function wholeError(text: string, least: number, most: number): string | null {
  const value = Number(text);
  return /^\d+$/.test(text.trim()) && value >= least && value <= most
    ? null
    : `Give a whole number from ${least} to ${most}.`;
}

function optional(text: string): number | undefined {
  return text.trim() === "" ? undefined : Number(text);
}
