import { resolve } from "node:path";
import { EpSamError, hashBytes, isRemotePath, mapConcurrently, secretAddresses } from "../../common/index.js";
import {
  type PrepareSlidesOptions,
  patchesAreWritten,
  prepareSlides,
  type SharedSlideWork,
  SlideOutcomes,
  type SlidePreparationResult,
} from "../../dataset/index.js";
import {
  type CollectedSlides,
  collectSlides,
  type InferSlidesOptions,
  planSlideTasks,
  resultTime,
  type SlideTask,
} from "../../inference/index.js";
import { weigh } from "../division.js";
import { cohortOf, jobOf, type PlainInferOptions, type QueuedJob } from "./job.js";
import { withFollower } from "./with-follower.js";

/** Files that are looked at together. */
const AT_ONCE = 16;

/** A slide that failed by its own fault as often as is tried. */
export interface SetAside {
  readonly slide: string;
  readonly reason: string;
}

/** What workers made of the slides. */
export interface QueuedInference extends CollectedSlides {
  readonly setAside: readonly SetAside[];
}

/**
 * Segments slides by the workers of a queue, which share the paths of slides, run and output with this process, and
 * follows them; gives and writes what `inferSlides()` would. Aborted, it takes back what waits, and slides under way end
 * at their next patch; the same call goes on.
 * @throws EpSamError as `inferSlides()` and `connectQueue()`
 */
export async function inferOnQueue(given: InferSlidesOptions, url: string): Promise<QueuedInference> {
  const options = withFullPaths(given);
  const { tasks, identity } = await planSlideTasks(options);
  const plain = plainOptions(options);
  const models = hashBytes(JSON.stringify(identity));
  const cohort = cohortOf("infer", options.out, { ...plain, models });
  // The largest first, so that none is begun when all others are done.
  const weights = new Map(
    (await weigh(tasks.map(({ slide }) => slide))).map(({ stem, bytes }) => [stem, bytes]),
  );
  const heaviest = [...tasks].sort(
    (a, b) => (weights.get(b.slide.stem) ?? 0) - (weights.get(a.slide.stem) ?? 0),
  );
  const jobs: QueuedJob[] = [];
  for (const task of heaviest) {
    requireOpenAddress(task.slide.path);
    jobs.push(await jobOf(cohort, task.slide.stem, { kind: "infer", options: plain, task, models }));
  }
  const before = await resultTimes(options.out, tasks);
  const setAside = await withFollower({ url, cohort, task: "slides on the queue" }, options, (follower) =>
    Promise.all(
      jobs.map(async (job) => {
        const { slide } = job.data;
        const settled = await follower.submit(
          job,
          async () => (await resultTime(options.out, slide)) !== null,
        );
        return "failed" in settled ? [{ slide, reason: settled.failed }] : [];
      }),
    ),
  );
  const collected = await collectSlides(options);
  const after = await resultTimes(options.out, tasks);
  const resumed = after.filter((time, index) => time !== null && time === before[index]).length;
  return { ...collected, resumed, setAside: setAside.flat() };
}

/** When the results of slides were written, in milliseconds since 1970; null where there is none. */
function resultTimes(out: string, tasks: readonly SlideTask[]): Promise<(number | null)[]> {
  return mapConcurrently(tasks, AT_ONCE, ({ slide }) => resultTime(out, slide.stem));
}

/**
 * Prepares slides by the workers of a queue, which share the paths of slides, annotations and output with this process;
 * byte for byte what `prepareSlides()` makes.
 * @throws EpSamError as `prepareSlides()` and `connectQueue()`
 */
export async function prepareOnQueue(
  given: PrepareSlidesOptions,
  url: string,
): Promise<SlidePreparationResult> {
  const { annotations } = given;
  const options = {
    ...given,
    inputs: given.inputs.map(fullPath),
    annotations: [annotations].flat().map(fullPath),
    out: fullPath(given.out),
  };
  const cohort = cohortOf("prepare", options.out, []);
  return withFollower({ url, cohort, task: "slides on the queue" }, options, (follower) => {
    const work = async (asked: SharedSlideWork): Promise<string | null> => {
      const { stem, path } = asked.file;
      requireOpenAddress(path);
      const job = await jobOf(cohort, stem, { kind: "prepare", work: asked });
      const settled = await follower.submit(job, () => isDone(asked));
      return "failed" in settled ? settled.failed : null;
    };
    return prepareSlides({ ...options, workers: { atOnce: Number.POSITIVE_INFINITY, work } });
  });
}

async function isDone({ kind, directory, file, fingerprint }: SharedSlideWork): Promise<boolean> {
  const outcomes = new SlideOutcomes(directory);
  if (kind === "examine") return (await outcomes.outcomeOf(file, fingerprint)) !== null;
  if ((await outcomes.refusalOf(file, fingerprint, "writing")) !== null) return true;
  return patchesAreWritten(directory, file);
}

/** Workers have other folders that they are started in; addresses are the same everywhere. */
function fullPath(path: string): string {
  return isRemotePath(path) ? path : resolve(path);
}

/** @throws EpSamError `usage` for a slide whose address holds a secret: it would lie in Redis, and workers lack it */
function requireOpenAddress(path: string): void {
  if (!secretAddresses().some(([hidden]) => hidden === path)) return;
  throw new EpSamError("usage", {
    where: path,
    what: "has an address with a user, a password or a query, which does not go into the queue",
    action:
      "Give addresses without, such as s3://BUCKET/KEY with the credentials of each worker, or use shards.",
  });
}

function withFullPaths(options: InferSlidesOptions): InferSlidesOptions {
  const { labelledSquares, annotations } = options;
  const folders =
    annotations === undefined || (typeof annotations === "object" && "get" in annotations)
      ? annotations
      : [annotations].flat().map(fullPath);
  return {
    ...options,
    inputs: options.inputs.map(fullPath),
    run: resolve(options.run),
    out: fullPath(options.out),
    annotations: folders,
    ...(labelledSquares === undefined ? {} : { labelledSquares: resolve(labelledSquares) }),
  };
}

/** What workers need of the options; what this process alone has stays here. */
function plainOptions(options: InferSlidesOptions): PlainInferOptions {
  const { run, out, stage, gate, overlap, overwrite, anyResolution, mpp, patchMpp, tissue } = options;
  const { tolerance, minimumArea, annotationOrigin, groups } = options;
  return {
    ...{ inputs: [], run, out, stage, gate, overlap, overwrite, anyResolution, mpp, patchMpp, tissue },
    ...{ tolerance, minimumArea, annotationOrigin, groups },
  };
}
