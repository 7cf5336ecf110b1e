import { EpSamError, type ProgressEvent, type Reporter } from "../../common/index.js";
import type { JobEntry } from "../../contract/index.js";
import { problemOf } from "../problem.js";

/** Lines that are kept of each job, and characters of each. */
const MOST_LINES = 200;
const LONGEST_LINE = 500;

/** What a job reports, as the page shows it: the last lines and where it stands. */
export class JobLog implements Reporter {
  readonly #show: (changes: Pick<JobEntry, "log" | "progress">) => void;
  #lines: readonly string[];
  #progress: JobEntry["progress"] = null;

  /** @param lines of earlier sittings */
  constructor(lines: readonly string[], show: (changes: Pick<JobEntry, "log" | "progress">) => void) {
    this.#lines = lines;
    this.#show = show;
  }

  progress({ task, done, total, detail }: ProgressEvent): void {
    this.#progress = {
      task: withoutPaths(task),
      done,
      total,
      detail: detail === undefined ? null : withoutPaths(detail),
    };
    this.#changed();
  }

  note(message: string): void {
    this.#add(message);
  }

  warn(message: string): void {
    this.#add(`Warning: ${message}`);
  }

  #add(message: string): void {
    const line = withoutPaths(message).slice(0, LONGEST_LINE);
    this.#lines = [...this.#lines, line].slice(-MOST_LINES);
    this.#changed();
  }

  #changed(): void {
    this.#show({ log: this.#lines, progress: this.#progress });
  }
}

/** Folders never leave the server, in errors and in what jobs say alike. */
function withoutPaths(text: string): string {
  return problemOf(new EpSamError("usage", { what: text })).what;
}
