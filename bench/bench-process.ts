import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DeviceName } from "../src/graph/index.js";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** A process that does one section's work on command, ours or PyTorch's. */
export class BenchProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(command: string, parameters: readonly string[]) {
    const child = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
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
    return BenchProcess.#started(python, [here("pytorch-baseline.py"), section, String(threads)]);
  }

  static async #started(command: string, parameters: readonly string[]): Promise<BenchProcess> {
    const started = new BenchProcess(command, parameters);
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
