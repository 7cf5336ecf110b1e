import { EpSamError } from "../../common/index.js";
import { type JobProducts, readJobs, type StoredJob, writeJobs } from "./job-file.js";

/** Jobs that are remembered; the oldest ones that are over are forgotten first. */
const MOST_JOBS = 200;

/** The jobs of a state directory, the oldest first, and what came of those that are not remembered any more. */
export class KeptJobs {
  readonly #folder: string;
  readonly #jobs = new Map<string, StoredJob>();
  #made: readonly JobProducts[] = [];
  #saving: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get all(): readonly StoredJob[] {
    return [...this.#jobs.values()];
  }

  /** What jobs made that are forgotten. */
  get made(): readonly JobProducts[] {
    return this.#made;
  }

  get(id: string): StoredJob | undefined {
    return this.#jobs.get(id);
  }

  /** Keeps a job in its place, or a new one at the end. */
  set(job: StoredJob): void {
    this.#jobs.set(job.entry.id, job);
  }

  moveToEnd(id: string): void {
    const job = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (job !== undefined) this.set(job);
  }

  /** Forgets a job; what it made is known on. */
  forget({ entry, plan: { makes, slides } }: StoredJob): void {
    this.#jobs.delete(entry.id);
    if (entry.state === "done") this.#made = [...this.#made, { makes, slides }];
  }

  /** Forgets the oldest ones that are over, as far as there are too many. */
  forgetOld(): void {
    for (const job of this.all) {
      if (this.#jobs.size <= MOST_JOBS) return;
      if (!isPending(job)) this.forget(job);
    }
  }

  /** @throws EpSamError `storage` when the file is damaged */
  async read(): Promise<void> {
    const { jobs, made } = await readJobs(this.#folder);
    for (const job of jobs) this.set(job);
    this.#made = made;
  }

  /** @throws EpSamError `storage` */
  async save(): Promise<void> {
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(() => writeJobs(this.#folder, { jobs: this.all, made: this.#made }));
    await this.#saving;
  }

  /** Waits for what is being saved. */
  saved(): Promise<void> {
    return this.#saving;
  }
}

/** Whether a job runs or waits for its turn. */
export function isPending({ entry: { state } }: StoredJob): boolean {
  return state === "running" || state === "queued";
}

/** The error of a step that a job in its state cannot take. */
export function wrongState({ entry }: StoredJob, what: string, action?: string): EpSamError {
  return new EpSamError("usage", { where: entry.title, what, why: `it is ${entry.state}`, action });
}
