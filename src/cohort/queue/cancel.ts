import type { Redis } from "ioredis";
import { QUEUE_NAME } from "./connect.js";

/** Cohorts whose slides are to end at the next patch. */
const CANCELLED = `${QUEUE_NAME}:cancelled`;

export async function cancelCohorts(client: Redis, cohorts: readonly string[]): Promise<void> {
  if (cohorts.length > 0) await client.sadd(CANCELLED, ...cohorts);
}

export async function uncancel(client: Redis, cohort: string): Promise<void> {
  await client.srem(CANCELLED, cohort);
}

export async function isCancelled(client: Redis, cohort: string): Promise<boolean> {
  return (await client.sismember(CANCELLED, cohort)) === 1;
}
