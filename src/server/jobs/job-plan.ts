import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { z } from "zod";
import { EpSamError, exists, firstRepeated, writeFileAtomically } from "../../common/index.js";
import type { JobRequest, UnmarkedRule } from "../../contract/index.js";
import { annotationFilesIn, matchAnnotationFiles, nameKey } from "../../dataset/index.js";
import { trainedResolution } from "../../inference/index.js";
import { RunDirectory } from "../../run/index.js";
import type { ServerContext } from "../context.js";
import type { OpenWorkspace, WorkspaceSlide } from "../workspace/workspace.js";
import { resolutionTable } from "./jobs-folder.js";
import { planTeaching } from "./teaching-plan.js";

const stepSchema = z.object({
  title: z.string(),
  /** After `epsam`. */
  args: z.array(z.string()),
  /** Of a step that has begun: one whose file `begun` is there. */
  resumeArgs: z.array(z.string()),
  begun: z.string().nullable(),
  /** A file that tells that the step is done. */
  done: z.string().nullable(),
});

export const planSchema = z.object({
  title: z.string(),
  steps: z.array(stepSchema),
  /** What the workspace has when the job is done: absolute paths. */
  makes: z.object({
    results: z.string().optional(),
    /** Of the run whose results they are: their directory has the job's number for a name. */
    resultsName: z.string().optional(),
    dataset: z.string().optional(),
    run: z.string().optional(),
  }),
  /** Ids of the slides that get results. */
  slides: z.array(z.string()),
});

export type JobStep = z.infer<typeof stepSchema>;
/** What a job does, resolved: nothing in it depends on the workspace any more. */
export type JobPlan = z.infer<typeof planSchema>;

/**
 * The commands that a request stands for.
 * @throws EpSamError `not-found` for ids that are not in the workspace, `usage` when the name is taken
 */
export async function planJob(context: ServerContext, id: string, request: JobRequest): Promise<JobPlan> {
  switch (request.kind) {
    case "infer":
      return planInference(context, id, request);
    case "prepare":
      return planPreparation(context, id, request);
    case "train":
      return planTraining(context, request);
    case "retrain":
      return planRetraining(context, id, request);
    case "teach":
      return planTeaching(context, id, request);
  }
}

type RequestOf<Kind extends JobRequest["kind"]> = Extract<JobRequest, { kind: Kind }>;

function planInference(context: ServerContext, id: string, request: RequestOf<"infer">): JobPlan {
  const run = context.workspace.run(request.run);
  const slides = slidesOf(context, request.slides);
  const out = join(context.stateDirectory, "results", id);
  const args = [
    "infer",
    ...slides.map(({ path }) => path),
    ...["--run", run.root, "--out", out, "--as", "slides", "--json", "--resume"],
    ...option("--stage", request.stage),
    ...option("--overlap", request.overlap),
    ...option("--gate", request.gate),
    ...option("--mpp", request.mpp),
    ...option("--tissue", request.tissue),
    ...option("--annotation-origin", context.annotationOrigin),
    ...resolutionsMayDiffer(request),
  ];
  const title = `Segment ${named(context, slides)} with ${context.workspace.labelOf(run)}`;
  return {
    title,
    steps: [{ title, args, resumeArgs: args, begun: null, done: null }],
    makes: { results: out, resultsName: context.workspace.labelOf(run) },
    slides: slides.map((slide) => slide.id),
  };
}

async function planPreparation(
  context: ServerContext,
  id: string,
  request: RequestOf<"prepare">,
): Promise<JobPlan> {
  const slides = slidesOf(context, request.slides);
  const out = await freePlace(context, "datasets", request.name);
  const { patchSize, stride, mpp, patchMpp, split, tissue, unmarked } = request;
  const annotations =
    request.annotations === "corrections"
      ? await correctionOptions(context, slides, unmarked)
      : ["--annotations", ...(await annotationFoldersOf(context.workspace, slides))];
  const args = [
    "prepare",
    ...slides.map(({ path }) => path),
    ...annotations,
    ...["--out", out, "--patch-size", String(patchSize), ...option("--stride", stride), "--json"],
    ...(await resolutionOption(context, id, slides, mpp)),
    ...option("--mpp", patchMpp),
    ...option("--split", split?.join()),
    ...option("--tissue", tissue),
    ...option("--annotation-origin", context.annotationOrigin),
    ...resolutionsMayDiffer(request),
  ];
  const title = `Prepare ${request.name} from ${named(context, slides)}`;
  return { title, steps: [preparationStep(title, args, out)], makes: { dataset: out }, slides: [] };
}

async function planTraining(context: ServerContext, request: RequestOf<"train">): Promise<JobPlan> {
  const dataset = context.workspace.dataset(request.dataset);
  const out = await freePlace(context, "runs", request.name);
  const common = ["train", "--data", dataset.root, "--out", out, "--json", ...resolutionsMayDiffer(request)];
  const title = `Train ${request.name} on ${context.workspace.labelOf(dataset)}`;
  const args = [
    ...common,
    ...["--preset", request.preset],
    ...option("--backbone", request.backbone),
    ...["--seed", String(request.seed)],
  ];
  return { title, steps: [trainingStep(title, args, common, out)], makes: { run: out }, slides: [] };
}

/** A dataset of the corrected places at the run's patch size and resolution, then a round with it. */
async function planRetraining(
  context: ServerContext,
  id: string,
  request: RequestOf<"retrain">,
): Promise<JobPlan> {
  const run = context.workspace.run(request.run);
  const slides = slidesOf(context, request.slides);
  const out = await freePlace(context, "runs", request.name);
  const dataset = await freePlace(context, "datasets", `${request.name} corrections`);
  const { patchSize } = (await RunDirectory.open(run.root)).record.dataset;
  const { resolution } = await trainedResolution(run.root);
  const preparation = [
    "prepare",
    ...slides.map(({ path }) => path),
    ...(await correctionOptions(context, slides, request.unmarked)),
    ...["--out", dataset, "--patch-size", String(patchSize), "--json"],
    // Every patch that holds tumour is a lesson, and all patients are for training.
    ...["--positive-range", "0.005,1", "--split", "1,0,0"],
    ...(await resolutionOption(context, id, slides, request.mpp)),
    ...("mpp" in resolution ? ["--mpp", String(resolution.mpp)] : ["--level", String(resolution.level)]),
    ...resolutionsMayDiffer(request),
  ];
  const training = [
    ...["train", "--from-run", run.root, "--corrections", dataset, "--out", out, "--json"],
    ...resolutionsMayDiffer(request),
  ];
  return {
    title: `Retrain ${context.workspace.labelOf(run)} with corrections of ${named(context, slides)}`,
    steps: [
      preparationStep("Cut the corrected patches", preparation, dataset),
      trainingStep(`Retrain ${context.workspace.labelOf(run)}`, training, [...training, "--resume"], out),
    ],
    makes: { dataset, run: out },
    slides: [],
  };
}

/** @throws EpSamError `usage` when nothing tells what a class of the corrections means */
async function correctionOptions(
  { facts, stateDirectory, workspace }: ServerContext,
  slides: readonly WorkspaceSlide[],
  unmarked: UnmarkedRule | undefined,
): Promise<string[]> {
  for (const slide of slides) {
    const [open] = await facts.classesWithoutMeaning(slide.id);
    if (open === undefined) continue;
    throw new EpSamError("usage", {
      where: workspace.labelOf(slide),
      what: open === null ? "has annotations of no class" : `has annotations of the class "${open}"`,
      why: "nothing tells whether they are tumour",
      action: `Open the slide; under Annotations ${open === null ? "give them a class" : "choose what the class means"}.`,
    });
  }
  return ["--from-annotations", stateDirectory, ...option("--unmarked", unmarked)];
}

/** A table of the slides whose files tell no resolution, with the one that was given for them. */
async function resolutionOption(
  { openSlides, stateDirectory }: ServerContext,
  id: string,
  slides: readonly WorkspaceSlide[],
  mpp: number | undefined,
): Promise<string[]> {
  if (mpp === undefined) return [];
  const rows: string[][] = [];
  for (const { path, name } of slides) {
    const isTold = await openSlides.use(path, async ({ micronsPerPixel }) => micronsPerPixel !== null);
    if (!isTold) rows.push([name, String(mpp)]);
  }
  if (rows.length === 0) return [];
  const table = resolutionTable(stateDirectory, id);
  await writeFileAtomically(table, stringify([["slide", "mpp"], ...rows]));
  return ["--mpp-csv", table];
}

/** Preparation goes on by itself when it is called again, and makes the dataset as a whole. */
function preparationStep(title: string, args: readonly string[], out: string): JobStep {
  const done = join(out, "manifest.csv");
  return { title, args: [...args], resumeArgs: [...args], begun: null, done };
}

function trainingStep(
  title: string,
  args: readonly string[],
  common: readonly string[],
  out: string,
): JobStep {
  const resumeArgs = common.includes("--resume") ? [...common] : [...common, "--resume"];
  return { title, args: [...args], resumeArgs, begun: join(out, "run.json"), done: null };
}

function resolutionsMayDiffer({
  anyResolution = false,
}: {
  readonly anyResolution?: boolean | undefined;
}): string[] {
  return anyResolution ? ["--any-resolution"] : [];
}

/** @throws EpSamError `not-found`, `usage` for two slides of one name */
function slidesOf({ workspace }: ServerContext, ids: readonly string[]): WorkspaceSlide[] {
  const slides = [...new Set(ids)].map((id) => workspace.slide(id));
  const repeated = firstRepeated(slides, ({ stem }) => nameKey(stem));
  if (repeated === null) return slides;
  const [other, again] = repeated.map((slide) => workspace.labelOf(slide));
  throw new EpSamError("usage", {
    where: again,
    what: `has the same name as ${other}`,
    why: "what a job makes is named after its slides",
    action: "Start a job for each, or rename one of the files.",
  });
}

function named({ workspace }: ServerContext, slides: readonly WorkspaceSlide[]): string {
  const [first] = slides;
  return slides.length === 1 && first !== undefined ? workspace.labelOf(first) : `${slides.length} slides`;
}

function option(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [name, String(value)];
}

/** A folder that nothing has been written to. @throws EpSamError `usage` when the name is taken */
export async function freePlace(
  { stateDirectory }: ServerContext,
  kind: string,
  name: string,
): Promise<string> {
  const place = join(stateDirectory, kind, name);
  if (!(await exists(place)) && !(await exists(`${place}.partial`))) return place;
  throw new EpSamError("usage", { where: name, what: "exists already", action: "Choose another name." });
}

/**
 * The folders with annotation files of the slides.
 * @throws EpSamError `usage` when there are none, `annotation` when two files could be one slide's
 */
async function annotationFoldersOf(
  { annotationFolders }: OpenWorkspace,
  slides: readonly WorkspaceSlide[],
): Promise<string[]> {
  const paths = slides.map(({ path }) => path);
  const known: { readonly folder: string; readonly of: readonly string[] }[] = [];
  for (const folder of annotationFolders)
    known.push({
      folder,
      of: [...matchAnnotationFiles(paths, await annotationFilesIn([folder])).ofSlides.keys()],
    });
  // The folder that knows most goes first; another is needed only for slides that it does not know.
  known.sort((a, b) => b.of.length - a.of.length);
  const covered = new Set<string>();
  const folders = known.flatMap(({ folder, of }) => {
    const adds = of.some((path) => !covered.has(path));
    for (const path of of) covered.add(path);
    return adds ? [folder] : [];
  });
  if (folders.length > 0) return folders;
  throw new EpSamError("usage", {
    what: "none of the slides has an annotation file",
    why: "files named like the slides are looked for in the folders given to `epsam view` as `annotations`",
    action: "Start `epsam view --annotations FOLDER`, or take the corrections saved here.",
  });
}
