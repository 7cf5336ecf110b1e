import type { ProgressEvent } from "../common/index.js";

const BAR_WIDTH = 24;

/** When and where a task was first heard of, for its rate. */
export interface TaskStart {
  readonly time: number;
  readonly done: number;
}

/** The figures beside a bar: share, count, rate and time left as far as they are known. */
export function progressFigures(event: ProgressEvent, start: TaskStart, now: number): string {
  const parts = [`${percent(event)} %`, `${event.done}/${event.total}`];
  const elapsed = (now - start.time) / 1000;
  const rate = elapsed > 0 ? (event.done - start.done) / elapsed : 0;
  if (rate > 0) {
    parts.push(formatRate(rate));
    const isDone = event.done >= event.total;
    parts.push(isDone ? `in ${clock(elapsed)}` : `${clock((event.total - event.done) / rate)} left`);
  }
  if (event.detail !== undefined) parts.push(event.detail);
  return parts.join("  ");
}

/** A bar of fixed width. */
export function progressBar(event: ProgressEvent): string {
  const filled = Math.round((percent(event) / 100) * BAR_WIDTH);
  return "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
}

/** Whole per cent, rounded down so that 100 means finished. */
function percent({ done, total }: ProgressEvent): number {
  if (total <= 0) return 100;
  return Math.floor((100 * Math.min(Math.max(done, 0), total)) / total);
}

/** Per second when that is at least one, else seconds for one. */
function formatRate(rate: number): string {
  return rate >= 1 ? `${rate.toFixed(1)}/s` : `${(1 / rate).toFixed(1)} s each`;
}

/** Seconds as `1:02:03` or `2:03`. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const tail = String(rest).padStart(2, "0");
  return hours === 0 ? `${minutes}:${tail}` : `${hours}:${String(minutes).padStart(2, "0")}:${tail}`;
}
