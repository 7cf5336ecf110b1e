import { z } from "zod";
import { jsonIfFits } from "../common/index.js";
import { listSlides, type SkippedInput, stemOf } from "../dataset/index.js";
import {
  type CollectedSlides,
  collectSlides,
  type InferSlidesOptions,
  type InferSlidesResult,
  inferSlides,
} from "../inference/index.js";
import { readSharedText, type SharedFiles, sharedFiles } from "../slides/index.js";
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

/** Of the output: what shards tell each other, until all is there. */
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
 * Segments the slides of one shard; other shards do the rest, on machines that share nothing but `out`, a folder or a bucket. One that was
 * killed is given again, anywhere: finished slides and patches are kept.
 * @throws EpSamError `usage` when the shards did not see the same slides; as `inferSlides()`
 */
export async function inferShard(options: InferSlidesOptions, shard: Shard): Promise<InferSlidesResult> {
  const { slides } = await listSlides(options.inputs, new Set(options.leaveOut));
  const division = divide(await weigh(slides), shard.count);
  const files = sharedFiles(options.out);
  await agreeOnDivision(files, `${SHARDS_FOLDER}/${DIVISION}`, division);
  const stems = stemsOf(division, shard);
  if (stems.size === 0) {
    options.reporter.note(`Shard ${shard.index} of ${shard.count} has no slide: there are ${slides.length}.`);
    return { root: options.out, slides: [], resumed: 0, skipped: [], warnings: [] };
  }
  const result = await inferSlides({ ...options, shared: { stems, patience: PATIENCE } });
  await files.write(recordOf(shard.index), JSON.stringify({ skipped: result.skipped }));
  return result;
}

/**
 * Joins the results of all shards in one table, and tells what is missing; when nothing is, the output is what one call
 * would have made.
 * @throws EpSamError `usage` when a result is of another model or other settings
 */
export async function collectInference(options: InferSlidesOptions): Promise<CollectedInference> {
  const files = sharedFiles(options.out);
  const division = await readDivision(files, `${SHARDS_FOLDER}/${DIVISION}`);
  const { missing, ...result } = await collectSlides(options);
  const told = division === null ? [] : await recordsOf(files, division);
  const reasons = new Map(told.map(({ file, reason }) => [stemOf(file), reason]));
  if (missing.length === 0) await files.removeFolder(SHARDS_FOLDER);
  return {
    ...result,
    missing: missing.map((slide) => ({
      slide,
      shard: division === null ? null : shardWith(division, slide),
      reason: reasons.get(slide) ?? null,
    })),
  };
}

function recordOf(index: number): string {
  return `${SHARDS_FOLDER}/${index}.json`;
}

/** What shards left out. */
async function recordsOf(files: SharedFiles, { count }: Division): Promise<SkippedInput[]> {
  const skipped: SkippedInput[] = [];
  for (let index = 1; index <= count; index++) {
    const text = await readSharedText(files, recordOf(index));
    if (text !== null) skipped.push(...(jsonIfFits(text, recordSchema)?.skipped ?? []));
  }
  return skipped;
}
