import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { SlideOutcome } from "./slide-worker.js";

/** What no file may take, however hostile. */
export const HOSTILE_LIMITS = {
  /**
   * Memory beyond what the reading process holds anyway (about 105). Measured: 66 on a calm machine, 64 to 100 on a
   * busy one, where more garbage waits: all that is decoded of the largest tiles, by calculation, comes to 125.
   * Without the limit of a deflated tile's length it was 375.
   */
  megabytes: 160,
  /** Processor time of all its threads for one file, see `processorStopwatch`. Measured: at most 0.4. */
  seconds: 1,
} as const;

/**
 * A process of its own that opens slides and reads from them, with its JavaScript heap limited: what crashes or
 * hangs there is a finding and not the end of the tests.
 */
export class SlideChild {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #ready: Promise<unknown>;
  #errors = "";

  constructor() {
    const script = join(import.meta.dirname, "slide-worker.ts");
    const options = ["--expose-gc", "--max-old-space-size=128", "--import", "tsx", script];
    this.#child = spawn(process.execPath, options, { cwd: join(import.meta.dirname, "..", "..") });
    this.#child.stderr.on("data", (text: Buffer) => {
      this.#errors += text.toString("utf8");
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    this.#ready = this.#lines.next();
  }

  /**
   * What becomes of a file.
   * @param patience seconds until a file without an answer counts as a hang
   */
  async read(path: string, patience: number): Promise<SlideOutcome> {
    await this.#ready;
    this.#child.stdin.write(`${path}\n`);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patience * 1000);
    const { value, done } = await this.#lines.next();
    clearTimeout(timer);
    if (done === true) throw new Error(`the reader died or hung on ${path}: ${this.#errors.slice(-2000)}`);
    const outcome: SlideOutcome = JSON.parse(value);
    return outcome;
  }

  close(): void {
    this.#child.stdin.end();
  }
}
