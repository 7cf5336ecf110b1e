import type { ProgressEvent, Reporter } from "../../common/index.js";

/** A part of a job: what its progress is called, and the seconds that it took where the job was measured. */
export interface MeasuredStep {
  readonly task: RegExp;
  readonly seconds: number;
}

/**
 * Adds to every progress event how much time all steps together have left: what was measured, as much slower or faster
 * as this machine has been so far.
 * @param steps in their order; events of others pass unchanged
 * @param now milliseconds
 */
export function withTimeLeft(
  reporter: Reporter,
  steps: readonly MeasuredStep[],
  now: () => number = () => performance.now(),
): Reporter {
  const started = now();
  const total = secondsOf(steps);
  let current = 0;
  return {
    ...reporter,
    progress: (event) => {
      const found = steps.findIndex(({ task }, index) => index >= current && task.test(event.task));
      const step = steps[found];
      if (step === undefined) return reporter.progress(event);
      current = found;
      const done = secondsOf(steps.slice(0, found)) + step.seconds * shareDone(event);
      const elapsed = (now() - started) / 1000;
      if (done <= 0) return reporter.progress(event);
      const left = `${timeText((elapsed / done) * (total - done))} left in all`;
      reporter.progress({ ...event, detail: event.detail === undefined ? left : `${event.detail}, ${left}` });
    },
  };
}

function secondsOf(steps: readonly MeasuredStep[]): number {
  return steps.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Of a step: epochs, or slides, that are over, and what of this one is. */
function shareDone({ task, done, total }: ProgressEvent): number {
  const within = total > 0 ? done / total : 0;
  const [, number = "1", count = "1"] = /(\d+)(?:\/| of )(\d+)/.exec(task) ?? [];
  return (Number(number) - 1 + within) / Number(count);
}

function timeText(seconds: number): string {
  return seconds < 90 ? `about ${Math.ceil(seconds / 5) * 5} s` : `about ${Math.round(seconds / 60)} min`;
}
