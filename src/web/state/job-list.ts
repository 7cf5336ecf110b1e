import type { JobEntry } from "../../contract/index.js";

/** What tells jobs and their states apart. */
type Revised = Pick<JobEntry, "id" | "revision">;

/** The list with a job that is new or has changed, unless what is there is newer than what has arrived. */
export function withJob<Job extends Revised>(known: readonly Job[], job: Job): readonly Job[] {
  const present = known.find(({ id }) => id === job.id);
  if (present === undefined) return [job, ...known];
  if (present.revision > job.revision) return known;
  return known.map((entry) => (entry === present ? job : entry));
}

/** The list that was fetched, with what events have told since the server wrote it. */
export function withFetched<Job extends Revised>(
  known: readonly Job[],
  fetched: readonly Job[],
): readonly Job[] {
  const newest = Math.max(0, ...fetched.map(({ revision }) => revision));
  const ids = new Set(fetched.map(({ id }) => id));
  const added = known.filter(({ id, revision }) => !ids.has(id) && revision > newest);
  const current = fetched.map((job) => {
    const present = known.find(({ id }) => id === job.id);
    return present !== undefined && present.revision > job.revision ? present : job;
  });
  return [...added, ...current];
}
