import { basename } from "node:path";
import { messageOf, type PlannedWork, type ProgressEvent } from "../../common/index.js";
import {
  decoderStages,
  evaluationStage,
  type JobEntry,
  type JobRequest,
  roundOf,
  roundStage,
  stageNames,
} from "../../contract/index.js";
import { TAUGHT_TASK } from "../../inference/index.js";
import { stageWork } from "../../project/index.js";
import { parseConfig, RunDirectory, resolveConfig } from "../../run/index.js";
import { slideFileVersion } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { DatasetIndexes } from "../datasets/dataset-index.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";

/** Rough seconds of two cores for each megabyte of a slide's file: to find its tissue, to cut it, to segment it. */
const EXAMINING = 0.3;
const WRITING = 0.2;
const SEGMENTING = 5;
/** To learn a dozen squares. */
const TEACHING = 15;
/** A small file takes a moment, too. */
const LEAST_MEGABYTES = 1;

/** Parts of segmenting a slide, and where each begins and ends in the whole of it. */
const PARTS: readonly (readonly [part: string, from: number, to: number])[] = [
  ["tissue", 0, 0.03],
  ["patches", 0.03, 0.9],
  ["blending", 0.9, 0.95],
  ["writing", 0.95, 1],
];

/** As {@link workOfJob}; where that cannot be told, the command itself says what is wrong. */
export async function expectedWork(
  context: ServerContext,
  { title, request }: Pick<JobEntry, "title" | "request">,
): Promise<PlannedWork[]> {
  try {
    return await workOfJob(context, request);
  } catch (failure) {
    context.reporter.note(`${title}: how long it takes cannot be told: ${messageOf(failure)}`);
    return [];
  }
}

/**
 * What the commands of a job will tell of, in their order, with how long each is expected to take beside the others.
 * @throws EpSamError as the run or dataset does that the job is about
 */
export async function workOfJob(context: ServerContext, request: JobRequest): Promise<PlannedWork[]> {
  switch (request.kind) {
    case "infer":
      return segmenting(context, request.slides);
    case "prepare":
      return preparing(context, request.slides);
    case "train":
      return training(context, request);
    case "retrain":
      return [...(await preparing(context, request.slides)), ...(await retraining(context, request.run))];
    case "teach": {
      const applied = request.apply ? await segmenting(context, [request.slide]) : [];
      return [{ seconds: TEACHING, isTask: (task) => task === TAUGHT_TASK, shareDone: within }, ...applied];
    }
  }
}

async function segmenting(context: ServerContext, slides: readonly string[]): Promise<PlannedWork[]> {
  return forSlides(context, slides, ({ stem }, megabytes) => ({
    seconds: SEGMENTING * megabytes,
    isTask: (task) => task.startsWith(`${stem}: `) || task.startsWith(`${stem} (`),
    shareDone: (event) => {
      const [, from, to] = PARTS.find(([part]) => event.task.endsWith(`: ${part}`)) ?? [];
      return from === undefined || to === undefined ? null : from + (to - from) * within(event);
    },
  }));
}

async function preparing(context: ServerContext, slides: readonly string[]): Promise<PlannedWork[]> {
  const examined = await forSlides(context, slides, ({ name }, megabytes) => ({
    seconds: EXAMINING * megabytes,
    isTask: (task) => task.includes(`, ${name}: `),
    // Its tissue is found, then its patches are looked through.
    shareDone: (event) => (within(event) + (event.task.endsWith(": patches") ? 1 : 0)) / 2,
  }));
  const seconds = examined.reduce((sum, work) => sum + (work.seconds * WRITING) / EXAMINING, 0);
  return [...examined, { seconds, isTask: (task) => task === "writing patches", shareDone: within }];
}

async function training(
  { workspace }: ServerContext,
  { dataset, preset }: Extract<JobRequest, { kind: "train" }>,
): Promise<PlannedWork[]> {
  const config = resolveConfig(preset);
  const index = await new DatasetIndexes().open(workspace.dataset(dataset));
  return stageNames(config.rounds).flatMap((stage) => stageWork(stage, config, index));
}

/** One round more than the run has. */
async function retraining({ workspace }: ServerContext, id: string): Promise<PlannedWork[]> {
  const run = await RunDirectory.open(workspace.run(id).root);
  const { config: kept, dataset } = run.record;
  const config = parseConfig(kept, run.root);
  const { root, patchSize } = dataset;
  const { counts } = await new DatasetIndexes().open({ id, name: basename(root), root });
  const last = decoderStages(config.rounds).findLast((stage) => run.isDone(stage));
  const round = last === undefined ? 0 : roundOf(last) + 1;
  return ([roundStage(round), evaluationStage] as const).flatMap((stage) =>
    stageWork(stage, { ...config, rounds: round }, { patchSize, counts }),
  );
}

/** Work of each slide, by the size of its file. */
async function forSlides(
  { workspace }: ServerContext,
  ids: readonly string[],
  work: (slide: WorkspaceSlide, megabytes: number) => PlannedWork,
): Promise<PlannedWork[]> {
  const slides = [...new Set(ids)].map((id) => workspace.slide(id));
  return Promise.all(
    slides.map(async (slide) => {
      const { size } = await slideFileVersion(slide.path);
      return work(slide, Math.max(LEAST_MEGABYTES, size / 1e6));
    }),
  );
}

function within({ done, total }: ProgressEvent): number {
  return total > 0 ? done / total : 0;
}
