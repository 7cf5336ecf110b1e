import { randomBytes } from "node:crypto";
import { hashBytes, messageOf, type Reporter } from "../../common/index.js";
import type { SharedFiles } from "../../slides/index.js";
import type { PatchLog } from "../patches/patch-log.js";

/** Milliseconds between two looks whether there are patches to send: what a machine that goes away loses at most. */
const EVERY = 20_000;
/** Bytes of finished patches that go into one file. */
const PIECE = 32 * 2 ** 20;

/** In a slide's folder of a bucket: patches that are done, until the slide is. */
export const RELAY_FOLDER = ".work";

/**
 * Finished patches of a slide on their way into a bucket while others are computed, so that whoever takes the slide over,
 * on any machine, goes on with them. Every file has a name of its own: a process that stood still and wakes up replaces
 * nothing. What is brought is checked record by record.
 */
export class PatchRelay {
  readonly #files: SharedFiles;
  readonly #folder: string;
  readonly #reporter: Reporter;
  /** Up to where the log is in the bucket. */
  #sent = 0;
  #last = performance.now();
  #sending: Promise<void> = Promise.resolve();
  #isSending = false;
  #hasWarned = false;

  /**
   * @param files of the slide's folder in the bucket
   * @param identity of the job, see `WorkFolder`
   */
  constructor(files: SharedFiles, identity: string, reporter: Reporter) {
    this.#files = files;
    this.#folder = `${RELAY_FOLDER}/${hashBytes(identity).slice(0, 16)}`;
    this.#reporter = reporter;
  }

  /**
   * Brings the patches that others have finished into a log.
   * @throws EpSamError `storage` when the bucket cannot be read, or the disk is full
   */
  async bring(log: PatchLog): Promise<void> {
    const there = new Set<number>();
    const before = log.patches.size;
    for (const name of await this.#files.namesIn(this.#folder)) {
      const records = await this.#files.read(`${this.#folder}/${name}`);
      if (records === null) continue;
      for (const index of await log.adopt(records)) there.add(index);
    }
    const brought = log.patches.size - before;
    if (brought > 0)
      this.#reporter.note(`${brought} patches that are done were brought from ${this.#files.root}.`);
    const areAllThere = [...log.patches.keys()].every((index) => there.has(index));
    this.#sent = areAllThere ? log.end : 0;
  }

  /** Is called after each patch, and sends what is new from time to time, beside the work. */
  offer(log: PatchLog): void {
    if (this.#isSending || performance.now() - this.#last < EVERY) return;
    this.#isSending = true;
    this.#sending = this.#send(log);
  }

  /** Ends what is under way; the log may be closed then. */
  settle(): Promise<void> {
    return this.#sending;
  }

  /** Sends all that is new: the work ends before the slide is done. */
  async flush(log: PatchLog): Promise<void> {
    await this.#sending;
    this.#isSending = true;
    await this.#send(log);
  }

  /** A bucket that is away costs only what another would have had to compute again. */
  async #send(log: PatchLog): Promise<void> {
    try {
      while (this.#sent < log.end) {
        const records = await log.recordsFrom(this.#sent, PIECE);
        const name = `${String(this.#sent).padStart(14, "0")}-${randomBytes(6).toString("hex")}`;
        await this.#files.write(`${this.#folder}/${name}`, records);
        this.#sent += records.length;
      }
    } catch (failure) {
      if (!this.#hasWarned)
        this.#reporter.warn(`Patches that are done stay on this machine: ${messageOf(failure)}`);
      this.#hasWarned = true;
    } finally {
      this.#last = performance.now();
      this.#isSending = false;
    }
  }
}
