import { type PlannedWork, type ProgressEvent, type Reporter, TimeLeft } from "../common/index.js";
import { evaluationStage } from "../contract/index.js";

/** Steps as they are counted on the screen. */
export const PROJECT_STEPS = ["prepare", "train", "evaluate", "segment"] as const;
export type ProjectStep = (typeof PROJECT_STEPS)[number];

/** Adds to every progress event which step it is of, and how long everything is likely to take still. */
export class ProjectProgress implements Reporter {
  readonly #reporter: Reporter;
  readonly #now: (() => number) | undefined;
  #step: ProjectStep = "prepare";
  #left: TimeLeft | null = null;

  constructor(reporter: Reporter, now?: () => number) {
    this.#reporter = reporter;
    this.#now = now;
  }

  begin(step: ProjectStep): void {
    this.#step = step;
  }

  /** Everything after preparing, once it is known what there is. */
  plan(work: readonly PlannedWork[]): void {
    this.#left = new TimeLeft(work, this.#now);
  }

  progress(event: ProgressEvent): void {
    const step = this.#step === "train" && event.task.startsWith(evaluationStage) ? "evaluate" : this.#step;
    const place = `${PROJECT_STEPS.indexOf(step) + 1}/${PROJECT_STEPS.length} ${step}`;
    const left = this.#left?.after(event) ?? null;
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
}
