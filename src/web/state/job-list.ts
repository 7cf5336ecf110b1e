import type { JobEntry } from "../../server/contract/index.js";

/** The list with a job that is new or has changed, unless what is there is newer than what has arrived. */
export function withJob(known: readonly JobEntry[], job: JobEntry): readonly JobEntry[] {
  const present = known.find(({ id }) => id === job.id);
  if (present === undefined) return [job, ...known];
  if (present.revision > job.revision) return known;
  return known.map((entry) => (entry === present ? job : entry));
}

/** The list that was fetched, with what events have told since the server wrote it. */
export function withFetched(known: readonly JobEntry[], fetched: readonly JobEntry[]): readonly JobEntry[] {
  const newest = Math.max(0, ...fetched.map(({ revision }) => revision));
  const ids = new Set(fetched.map(({ id }) => id));
  const added = known.filter(({ id, revision }) => !ids.has(id) && revision > newest);
  const current = fetched.map((job) => {
    const present = known.find(({ id }) => id === job.id);
    return present !== undefined && present.revision > job.revision ? present : job;
  });
  return [...added, ...current];
}
