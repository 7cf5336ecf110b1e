import { must, type Reporter } from "../../common/index.js";
import { device } from "../../graph/index.js";
import {
  type EmbeddingGroup,
  type EmbeddingPlan,
  type EmbedResult,
  type KeptEmbeddings,
  missingEmbeddings,
  notKept,
  openKeptEmbeddings,
} from "../../training/index.js";
import { cohortOf, jobOf } from "./job.js";
import { withFollower } from "./with-follower.js";

/** Times that embeddings may be gone from the cache where a worker has put them. */
const MOST_LOSSES = 3;

export interface EmbedOnQueueOptions {
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has the embeddings of a plan computed by the workers of a queue, which share the paths of dataset and cache with this
 * process; they lie in the cache under the names, and as the bytes, of training itself.
 * @returns as `embed()`; groups of patches that workers could not do, or not altogether, are left out
 * @throws EpSamError `storage` when they do not stay in the cache; as `connectQueue()`
 */
export async function embedOnQueue(
  { cache, embeddings, groups }: EmbeddingPlan,
  options: EmbedOnQueueOptions,
  url: string,
): Promise<EmbedResult> {
  const cohort = cohortOf("embed", cache, groups);
  const caches = await openCaches(groups, options);
  try {
    const wanted = await wantedGroups(groups, caches, options);
    const computed = wanted.reduce((sum, { missing }) => sum + missing, 0);
    if (wanted.length === 0) return { cache, embeddings, computed, skipped: [] };
    const jobs = await Promise.all(
      wanted.map(({ group }) => jobOf(cohort, group.name, { kind: "embed", work: group.work })),
    );
    const skipped = await withFollower(
      { url, cohort, task: "groups of patches on the queue" },
      options,
      (follower) =>
        Promise.all(
          wanted.map(async ({ group, kept }, index) => {
            const settled = await follower.submit(must(jobs, index, "job"), staysIn(kept, group));
            return "failed" in settled ? [{ file: group.name, reason: settled.failed }] : [];
          }),
        ),
    );
    return { cache, embeddings, computed, skipped: skipped.flat() };
  } finally {
    for (const kept of caches.values()) await kept.close();
  }
}

type Caches = ReadonlyMap<EmbeddingGroup["work"]["by"], KeptEmbeddings>;

/** The cache for each network. Nothing is computed here, so that no network is opened. */
async function openCaches(
  groups: readonly EmbeddingGroup[],
  { reporter }: EmbedOnQueueOptions,
): Promise<Caches> {
  const caches = new Map<EmbeddingGroup["work"]["by"], KeptEmbeddings>();
  for (const { work } of groups) {
    if (caches.has(work.by)) continue;
    caches.set(work.by, await openKeptEmbeddings(work, { device: device("cpu"), reporter }));
  }
  return caches;
}

interface WantedGroup {
  readonly group: EmbeddingGroup;
  readonly kept: KeptEmbeddings;
  readonly missing: number;
}

async function wantedGroups(
  groups: readonly EmbeddingGroup[],
  caches: Caches,
  { reporter, signal }: EmbedOnQueueOptions,
): Promise<WantedGroup[]> {
  const wanted: WantedGroup[] = [];
  for (const [index, group] of groups.entries()) {
    signal?.throwIfAborted();
    const kept = caches.get(group.work.by);
    const missing = kept === undefined ? 0 : await missingEmbeddings(kept, group.work.patches);
    if (kept !== undefined && missing > 0) wanted.push({ group, kept, missing });
    reporter.progress({ task: "looking what is there", done: index + 1, total: groups.length });
  }
  return wanted;
}

/** Whether a group is in the cache. @throws EpSamError `storage` when it leaves the cache again and again */
function staysIn(kept: KeptEmbeddings, { work }: EmbeddingGroup): () => Promise<boolean> {
  let losses = 0;
  return async () => {
    if ((await missingEmbeddings(kept, work.patches)) === 0) return true;
    losses += 1;
    if (losses >= MOST_LOSSES) throw notKept(work.cache);
    return false;
  };
}
