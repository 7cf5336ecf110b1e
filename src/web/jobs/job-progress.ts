import { aboutTime } from "../../common/portable.js";
import type { JobEntry } from "../../contract/index.js";

type Progress = NonNullable<JobEntry["progress"]>;

/** How far a bar is filled: of the whole job where that is known, else of what is being done; none is under way. */
export function barOf({ whole, done, total }: Progress): { readonly value?: number; readonly max?: number } {
  if (whole !== undefined) return { value: whole.share, max: 1 };
  return total > 0 ? { value: done, max: total } : {};
}

/** How far the whole job is and how long it still takes; null where that is not known. */
export function wholeText({ whole }: Progress): string | null {
  if (whole === undefined) return null;
  const percent = `${Math.floor(whole.share * 100)} %`;
  return whole.secondsLeft === null ? percent : `${percent}, ${aboutTime(whole.secondsLeft)} left`;
}
