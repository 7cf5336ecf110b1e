import type { ComparingProgress } from "../../contract/index.js";
import type { Split } from "../../dataset/index.js";

/** A patch as a run knows it. */
export interface PatchPlace {
  readonly id: string;
  readonly split: Split;
}

/** 1 − IoU of a patch's last two masks; null without two. */
type Compare = (patch: PatchPlace, signal: AbortSignal) => Promise<number | null>;

/** Comparisons in the background at a time; what a page shows takes its turn between them. */
const LANES = 2;

/**
 * How much the last two stages disagree on each patch, each computed once. A large run has tens of thousands of masks:
 * whoever needs all of them is told how far they are, and the comparison goes on whether somebody waits or not.
 */
export class Disagreements {
  readonly #compare: Compare;
  readonly #signal: AbortSignal;
  readonly #known = new Map<string, number | null>();
  readonly #wanted = new Map<string, PatchPlace>();
  /** Being compared in the background. */
  readonly #underWay = new Set<string>();
  #work: Promise<void> | null = null;

  /** @param signal ends the work in the background */
  constructor(compare: Compare, signal: AbortSignal) {
    this.#compare = compare;
    this.#signal = signal;
  }

  /** Undefined while it has not been computed. */
  known(patch: PatchPlace): number | null | undefined {
    return this.#known.get(keyOf(patch));
  }

  /** @throws EpSamError `input-mask` when a mask is damaged; the signal's reason */
  async of(patch: PatchPlace, signal: AbortSignal): Promise<number | null> {
    const known = this.known(patch);
    if (known !== undefined) return known;
    const computed = await this.#compare(patch, signal);
    this.#known.set(keyOf(patch), computed);
    return computed;
  }

  /**
   * Has patches compared, in their order, and waits for them as long as `patience` milliseconds.
   * @returns how far that is; null when all are
   * @throws EpSamError `input-mask` when a mask is damaged
   */
  async all(patches: readonly PatchPlace[], patience: number): Promise<ComparingProgress | null> {
    const missing = patches.filter((patch) => this.known(patch) === undefined);
    if (missing.length === 0) return null;
    for (const patch of missing) {
      const key = keyOf(patch);
      if (!this.#underWay.has(key)) this.#wanted.set(key, patch);
    }
    await this.#withPatience(patience);
    const left = missing.filter((patch) => this.known(patch) === undefined).length;
    return left === 0 ? null : { done: patches.length - left, total: patches.length };
  }

  async #withPatience(patience: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    try {
      await Promise.race([late, this.#started()]);
    } finally {
      clearTimeout(timer);
    }
  }

  #started(): Promise<void> {
    if (this.#work !== null) return this.#work;
    const work = Promise.all(Array.from({ length: LANES }, () => this.#lane())).then(() => undefined);
    this.#work = work;
    // A damaged mask is told to whoever waits, and found again by whoever asks next.
    const end = () => {
      if (this.#work === work) this.#work = null;
    };
    work.then(end, end);
    return work;
  }

  async #lane(): Promise<void> {
    for (const [key, patch] of this.#wanted) {
      this.#wanted.delete(key);
      if (this.#signal.aborted) return;
      this.#underWay.add(key);
      try {
        await this.of(patch, this.#signal);
      } finally {
        this.#underWay.delete(key);
      }
    }
  }
}

function keyOf({ id, split }: PatchPlace): string {
  return `${split}/${id}`;
}
