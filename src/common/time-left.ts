import type { ProgressEvent } from "./progress.js";

/** Work that progress is told of, in the order in which it is done. */
export interface PlannedWork {
  /** As expected; how long the rest takes here is told from how long the beginning took. */
  readonly seconds: number;
  readonly isTask: (task: string) => boolean;
  /** From 0 to 1; null when the event does not tell. */
  readonly shareDone: (event: ProgressEvent) => number | null;
}

/** Share of the work that has to be done before its speed says something of the rest. */
const TELLING_SHARE = 0.02;

/** How far planned work is as a whole. */
export interface WorkDone {
  /** From 0 to 1. */
  readonly share: number;
  /** As fast as this machine has been so far; null before that is known. */
  readonly secondsLeft: number | null;
}

/** Tells from progress how far planned work is, and how long it is likely to take still. */
export class TimeLeft {
  readonly #work: readonly PlannedWork[];
  readonly #now: () => number;
  /** Of the work of this call: what was expected to be done by now, and how long it took. */
  #expectedDone = 0;
  #spent = 0;
  /** The work that progress was last told of: how far it was when it began here, and how far it has come. */
  #current: {
    readonly work: PlannedWork;
    readonly since: number;
    readonly share: number;
    readonly reached: number;
  } | null = null;

  /** @param now milliseconds */
  constructor(work: readonly PlannedWork[], now: () => number = performance.now.bind(performance)) {
    this.#work = work;
    this.#now = now;
  }

  /** As `about 2 min`; null of other work, and before the speed of this machine is known. */
  after(event: ProgressEvent): string | null {
    const seconds = this.whole(event)?.secondsLeft ?? null;
    return seconds === null ? null : aboutTime(seconds);
  }

  /** All of the work; null of other work. */
  whole(event: ProgressEvent): WorkDone | null {
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
    const rest = work.seconds * (1 - share) + secondsOf(this.#work.slice(index + 1));
    const all = secondsOf(this.#work);
    const done = all === 0 ? 0 : 1 - rest / all;
    if (expected < TELLING_SHARE * (expected + rest)) return { share: done, secondsLeft: null };
    const spent = (this.#spent + now - current.since) / 1000;
    return { share: done, secondsLeft: (rest * spent) / expected };
  }
}

function secondsOf(work: readonly PlannedWork[]): number {
  return work.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** A time that is estimated, which has no seconds beyond the first minutes. */
export function aboutTime(seconds: number): string {
  if (seconds < 90) return `about ${Math.max(5, Math.ceil(seconds / 5) * 5)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `about ${minutes} min` : `about ${(minutes / 60).toFixed(1)} h`;
}
