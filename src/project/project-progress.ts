import type { ProgressEvent, Reporter } from "../common/index.js";
import { evaluationStage } from "../run/index.js";
import type { PlannedWork } from "./planned-work.js";

/** Steps as they are counted on the screen. */
export const PROJECT_STEPS = ["prepare", "train", "evaluate", "segment"] as const;
export type ProjectStep = (typeof PROJECT_STEPS)[number];

/** Share of the work that has to be done before its speed says something of the rest. */
const TELLING_SHARE = 0.02;

/** Adds to every progress event which step it is of, and how long everything is likely to take still. */
export class ProjectProgress implements Reporter {
  readonly #reporter: Reporter;
  readonly #now: () => number;
  #step: ProjectStep = "prepare";
  #work: readonly PlannedWork[] = [];
  /** Of the work of this call: what was expected to be done by now, and how long it took. */
  #expectedDone = 0;
  /** The work that progress was last told of: how far it was when it began here, and how far it has come. */
  #current: {
    readonly work: PlannedWork;
    readonly since: number;
    readonly share: number;
    readonly reached: number;
  } | null = null;
  #spent = 0;

  constructor(reporter: Reporter, now: () => number = performance.now.bind(performance)) {
    this.#reporter = reporter;
    this.#now = now;
  }

  begin(step: ProjectStep): void {
    this.#step = step;
  }

  /** Everything after preparing, once it is known what there is. */
  plan(work: readonly PlannedWork[]): void {
    this.#work = work;
  }

  progress(event: ProgressEvent): void {
    const step = this.#step === "train" && event.task.startsWith(evaluationStage) ? "evaluate" : this.#step;
    const place = `${PROJECT_STEPS.indexOf(step) + 1}/${PROJECT_STEPS.length} ${step}`;
    const left = this.#left(event);
    const details = [left === null ? undefined : `${left} left for everything`, event.detail];
    const detail = details.filter((part) => part !== undefined).join("  ");
    this.#reporter.progress({
      ...event,
      task: `${place}: ${event.task}`,
      detail: detail === "" ? undefined : detail,
    });
  }

  note(message: string): void {
    this.#reporter.note(message);
  }

  warn(message: string): void {
    this.#reporter.warn(message);
  }

  /** Nothing is said before the speed of this machine is known. */
  #left(event: ProgressEvent): string | null {
    const index = this.#work.findIndex(({ isTask }) => isTask(event.task));
    const work = this.#work[index];
    if (work === undefined) return null;
    const now = this.#now();
    let current = this.#current;
    const told = work.shareDone(event);
    if (current?.work !== work) {
      if (current !== null) {
        this.#spent += now - current.since;
        this.#expectedDone += current.work.seconds * (1 - current.share);
      }
      current = { work, since: now, share: told ?? 0, reached: told ?? 0 };
    }
    const share = told ?? current.reached;
    this.#current = { ...current, reached: share };
    const expected = this.#expectedDone + work.seconds * Math.max(0, share - current.share);
    const later = this.#work.slice(index + 1).reduce((sum, { seconds }) => sum + seconds, 0);
    const rest = work.seconds * (1 - share) + later;
    if (expected < TELLING_SHARE * (expected + rest)) return null;
    const spent = (this.#spent + now - current.since) / 1000;
    return roughly((rest * spent) / expected);
  }
}

/** An estimate has no seconds beyond the first minutes. */
function roughly(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(5, Math.ceil(seconds / 5) * 5)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `about ${minutes} min` : `about ${(minutes / 60).toFixed(1)} h`;
}
