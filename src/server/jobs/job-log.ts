import {
  EpSamError,
  type PlannedWork,
  type ProgressEvent,
  type Reporter,
  TimeLeft,
  type WorkDone,
} from "../../common/index.js";
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
  readonly #left: TimeLeft;
  /** Of the whole job; work that was not planned leaves it where it was. */
  #whole: WorkDone | null = null;

  /**
   * @param lines of earlier sittings
   * @param work of the whole job, as far as it is known
   */
  constructor(
    lines: readonly string[],
    work: readonly PlannedWork[],
    show: (changes: Pick<JobEntry, "log" | "progress">) => void,
  ) {
    this.#lines = lines;
    this.#left = new TimeLeft(work);
    this.#show = show;
  }

  progress(event: ProgressEvent): void {
    const { task, done, total, detail } = event;
    const whole = this.#left.whole(event);
    if (whole !== null) {
      // A stage that turns out longer than expected does not take the bar back.
      this.#whole = { ...whole, share: Math.max(whole.share, this.#whole?.share ?? 0) };
    }
    this.#progress = {
      task: withoutPaths(task),
      done,
      total,
      detail: detail === undefined ? null : withoutPaths(detail),
      ...(this.#whole === null ? {} : { whole: this.#whole }),
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
