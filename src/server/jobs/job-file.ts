import { join } from "node:path";
import { z } from "zod";
import { exists, readJson, writeFileAtomically } from "../../common/index.js";
import { type JobEntry, jobEntrySchema } from "../../contract/index.js";
import { type JobPlan, planSchema } from "./job-plan.js";

/** Raised when the file's form changes incompatibly. */
const FORMAT_VERSION = 1;
const JOBS_FILE = "jobs.json";

/** A job with what the server alone knows of it. */
export interface StoredJob {
  readonly entry: JobEntry;
  readonly plan: JobPlan;
  /** Of the command at work, to know whether it has outlived its server; null when none is. */
  readonly processId: number | null;
}

const productsSchema = planSchema.pick({ makes: true, slides: true });

export type JobProducts = z.infer<typeof productsSchema>;

const fileSchema = z.object({
  format: z.literal(FORMAT_VERSION),
  jobs: z.array(z.object({ entry: jobEntrySchema, plan: planSchema, processId: z.int().nullable() })),
  /** What jobs made that are not remembered any more. */
  made: z.array(productsSchema).default([]),
});

/** Jobs, the oldest first, and what earlier ones made. */
export interface StoredJobs {
  readonly jobs: readonly StoredJob[];
  readonly made: readonly JobProducts[];
}

/** The jobs of a state directory. @throws EpSamError `storage` when the file is damaged */
export async function readJobs(folder: string): Promise<StoredJobs> {
  const path = join(folder, JOBS_FILE);
  if (!(await exists(path))) return { jobs: [], made: [] };
  return readJson(path, fileSchema, {
    tag: "storage",
    what: "is no list of jobs of this version",
    action: "Move it away; what the jobs made stays where it is.",
  });
}

/** @throws EpSamError `storage` */
export async function writeJobs(folder: string, { jobs, made }: StoredJobs): Promise<void> {
  const content = JSON.stringify({ format: FORMAT_VERSION, jobs, made }, null, 2);
  await writeFileAtomically(join(folder, JOBS_FILE), `${content}\n`);
}
