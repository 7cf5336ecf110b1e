import {
  DIVISION_FILE,
  missingFromPreparation,
  type PrepareSlidesOptions,
  preparationOf,
  prepareShard,
  prepareSlides,
  type ShardPreparation,
  type SlidePreparationResult,
} from "../dataset/index.js";
import { sharedFiles } from "../slides/index.js";
import { agreeOnDivision, divide, readDivision, shardWith, stemsOf, weigh } from "./division.js";
import type { Shard } from "./shard.js";
import type { MissingSlide } from "./shard-inference.js";

export interface PreparedShard extends ShardPreparation {
  readonly root: string;
  readonly shard: Shard;
}

/** A dataset made of what shards found out, or the slides that they have not examined yet. */
export type CollectedPreparation =
  | { readonly dataset: SlidePreparationResult }
  | { readonly root: string; readonly missing: readonly MissingSlide[] };

/**
 * Prepares the slides of one shard, see `prepareShard()`; other shards do the rest, on machines that share nothing but the
 * folder of `out`, or its bucket. One that was killed is given again, anywhere.
 * @throws EpSamError `usage` when the shards did not see the same slides; as `prepareSlides()`
 */
export async function prepareInShard(options: PrepareSlidesOptions, shard: Shard): Promise<PreparedShard> {
  const files = sharedFiles(preparationOf(options.out));
  const prepared = await prepareShard(options, async (slides) => {
    const division = divide(await weigh(slides), shard.count);
    await agreeOnDivision(files, DIVISION_FILE, division);
    return stemsOf(division, shard);
  });
  return { root: options.out, shard, ...prepared };
}

/**
 * Makes the dataset of what shards found out, writing the patches that none has written; byte for byte the one that a
 * single call makes.
 * @returns the slides that no shard has examined, if there are any: no dataset is made of a part
 * @throws EpSamError as `prepareSlides()`
 */
export async function collectPreparation(options: PrepareSlidesOptions): Promise<CollectedPreparation> {
  const missing = await missingFromPreparation(options);
  if (missing.length === 0) return { dataset: await prepareSlides(options) };
  const division = await readDivision(sharedFiles(preparationOf(options.out)), DIVISION_FILE);
  const shardOf = (slide: string) => (division === null ? null : shardWith(division, slide));
  return {
    root: options.out,
    missing: missing.map((slide) => ({ slide, shard: shardOf(slide), reason: null })),
  };
}
