import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pause } from "../src/common/index.js";
import type { DeviceName } from "../src/graph/index.js";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** Milliseconds after which PyTorch's threads have stopped waiting busily for more work, which takes a core from ours. */
export const PYTORCH_THREADS_REST = 500;

/** A process that does one section's work on command, ours or PyTorch's. */
export class BenchProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #rest: number;

  private constructor(command: string, parameters: readonly string[], rest: number) {
    const child = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#rest = rest;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Starts ours and waits until the work is compiled. */
  static ours(section: string, threads: number, device: DeviceName = "cpu"): Promise<BenchProcess> {
    return BenchProcess.#started(process.execPath, [
      "--import",
      import.meta.resolve("tsx"),
      here("worker.ts"),
      section,
      String(threads),
      device,
    ]);
  }

  /** Starts PyTorch's and waits until the model is made. */
  static pyTorch(section: string, threads: number, python = defaultPython()): Promise<BenchProcess> {
    const parameters = [here("pytorch-baseline.py"), section, String(threads)];
    return BenchProcess.#started(python, parameters, PYTORCH_THREADS_REST);
  }

  /** @param rest milliseconds after each step before another process has its turn */
  static async #started(command: string, parameters: readonly string[], rest = 0): Promise<BenchProcess> {
    const started = new BenchProcess(command, parameters, rest);
    await started.#answer();
    return started;
  }

  /** Does the work once; seconds it took. */
  async step(): Promise<number> {
    return (await this.timedStep()).seconds;
  }

  /** Does the work once; seconds it took by the clock, and of the processor in all threads. */
  async timedStep(): Promise<StepTime> {
    this.#child.stdin?.write("step\n");
    const answer = await this.#answer();
    await pause(this.#rest, undefined);
    return { seconds: numberIn(answer, "seconds"), coreSeconds: numberIn(answer, "coreSeconds") };
  }

  /** The most memory the process has held so far, in bytes. */
  async peakBytes(): Promise<number> {
    this.#child.stdin?.write("memory\n");
    return numberIn(await this.#answer(), "peakBytes");
  }

  /** Ends the process. */
  async close(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
  }

  async #answer(): Promise<Readonly<Record<string, unknown>>> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the process ended before it answered; its message is above");
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed !== "object" || parsed === null) throw new TypeError(`not an answer: ${value}`);
    return { ...parsed };
  }
}

/** How long one step took. */
export interface StepTime {
  readonly seconds: number;
  /** Of the processor, all threads together: tells more than the clock while other work shares the machine. */
  readonly coreSeconds: number;
}

function numberIn(answer: Readonly<Record<string, unknown>>, key: string): number {
  const value = answer[key];
  if (typeof value !== "number") throw new TypeError(`the process answered without ${key}`);
  return value;
}

/** The Python that has PyTorch: `EPSAM_PYTHON`, or the one that Debian's `python3-torch` is installed for. */
export function defaultPython(variables: NodeJS.ProcessEnv = process.env): string {
  const chosen = variables.EPSAM_PYTHON;
  return chosen === undefined || chosen === "" ? "/usr/bin/python3" : chosen;
}
