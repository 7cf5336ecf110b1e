import { type PlannedWork, type ProgressEvent, type Reporter, TimeLeft } from "../../common/index.js";

/** A part of the demo: what its progress is called, and the seconds that it took where it was measured. */
export interface MeasuredStep {
  readonly task: RegExp;
  readonly seconds: number;
}

/** Adds to every progress event how much time all steps together have left. */
export class DemoProgress implements Reporter {
  readonly #reporter: Reporter;
  readonly #left: TimeLeft;

  /** @param steps in their order */
  constructor(reporter: Reporter, steps: readonly MeasuredStep[], now?: () => number) {
    this.#reporter = reporter;
    this.#left = new TimeLeft(steps.map(workOf), now);
  }

  progress(event: ProgressEvent): void {
    const left = this.#left.after(event);
    const details = [event.detail, left === null ? undefined : `${left} left in all`];
    const detail = details.filter((part) => part !== undefined).join(", ");
    this.#reporter.progress({ ...event, detail: detail === "" ? undefined : detail });
  }

  note(message: string): void {
    this.#reporter.note(message);
  }

  warn(message: string): void {
    this.#reporter.warn(message);
  }
}

function workOf({ task, seconds }: MeasuredStep): PlannedWork {
  return { seconds, isTask: (name) => task.test(name), shareDone };
}

/** Of a step: epochs, or slides, that are over, and what of this one is. */
function shareDone({ task, done, total }: ProgressEvent): number {
  const within = total > 0 ? done / total : 0;
  const [, number = "1", count = "1"] = /(\d+)(?:\/| of )(\d+)/.exec(task) ?? [];
  return (Number(number) - 1 + within) / Number(count);
}
