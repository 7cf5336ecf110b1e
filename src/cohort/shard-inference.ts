import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, exists, isRemotePath, jsonIfFits, writeFileAtomically } from "../common/index.js";
import { listSlides, type SkippedInput, stemOf } from "../dataset/index.js";
import {
  type CollectedSlides,
  collectSlides,
  type InferSlidesOptions,
  type InferSlidesResult,
  inferSlides,
} from "../inference/index.js";
import {
  agreeOnDivision,
  type Division,
  divide,
  readDivision,
  shardWith,
  stemsOf,
  weigh,
} from "./division.js";
import type { Shard } from "./shard.js";

/** Of the output directory: what shards tell each other, until all is there. */
const SHARDS_FOLDER = ".shards";
const DIVISION = "division.json";

/** Milliseconds after which a slide is taken over from a shard that gives no sign of life: it was killed elsewhere. */
const PATIENCE = 60_000;

const recordSchema = z.object({ skipped: z.array(z.object({ file: z.string(), reason: z.string() })) });

/** A slide that has no result, and what is known of it. */
export interface MissingSlide {
  readonly slide: string;
  /** Counted from 1; null where no shard has begun. */
  readonly shard: number | null;
  /** Why its shard left it out; null when none said so. */
  readonly reason: string | null;
}

/** The results of all shards. */
export interface CollectedInference extends Omit<CollectedSlides, "missing"> {
  readonly missing: readonly MissingSlide[];
}

/**
 * Segments the slides of one shard; other shards do the rest, on machines that share nothing but `out`. One that was
 * killed is given again, anywhere: finished slides and patches are kept.
 * @throws EpSamError `usage` when the shards did not see the same slides; as `inferSlides()`
 */
export async function inferShard(options: InferSlidesOptions, shard: Shard): Promise<InferSlidesResult> {
  requireFolder(options);
  const { slides } = await listSlides(options.inputs, new Set(options.leaveOut));
  const division = divide(await weigh(slides), shard.count);
  const folder = join(options.out, SHARDS_FOLDER);
  await agreeOnDivision(join(folder, DIVISION), division);
  const stems = stemsOf(division, shard);
  if (stems.size === 0) {
    options.reporter.note(`Shard ${shard.index} of ${shard.count} has no slide: there are ${slides.length}.`);
    return { root: options.out, slides: [], resumed: 0, skipped: [], warnings: [] };
  }
  const result = await inferSlides({ ...options, shared: { stems, patience: PATIENCE } });
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(recordPath(folder, shard.index), JSON.stringify({ skipped: result.skipped }));
  return result;
}

/**
 * Joins the results of all shards in one table, and tells what is missing; when nothing is, the output is what one call
 * would have made.
 * @throws EpSamError `usage` when a result is of another model or other settings
 */
export async function collectInference(options: InferSlidesOptions): Promise<CollectedInference> {
  requireFolder(options);
  const folder = join(options.out, SHARDS_FOLDER);
  const division = await readDivision(join(folder, DIVISION));
  const { missing, ...result } = await collectSlides(options);
  const told = division === null ? [] : await recordsOf(folder, division);
  const reasons = new Map(told.map(({ file, reason }) => [stemOf(file), reason]));
  if (missing.length === 0) await rm(folder, { recursive: true, force: true });
  return {
    ...result,
    missing: missing.map((slide) => ({
      slide,
      shard: division === null ? null : shardWith(division, slide),
      reason: reasons.get(slide) ?? null,
    })),
  };
}

/** @throws EpSamError `usage` for a bucket, where shards cannot keep what they tell each other */
function requireFolder({ out }: InferSlidesOptions): void {
  if (!isRemotePath(out)) return;
  throw new EpSamError("usage", {
    where: out,
    what: "is no folder that shards can share",
    action: "Give a folder that all machines see as `out`, or use `queue`, which can write into a bucket.",
  });
}

function recordPath(folder: string, index: number): string {
  return join(folder, `${index}.json`);
}

/** What shards left out. */
async function recordsOf(folder: string, { count }: Division): Promise<SkippedInput[]> {
  const skipped: SkippedInput[] = [];
  for (let index = 1; index <= count; index++) {
    const path = recordPath(folder, index);
    if (!(await exists(path))) continue;
    skipped.push(...(jsonIfFits(await readFile(path, "utf8"), recordSchema)?.skipped ?? []));
  }
  return skipped;
}
