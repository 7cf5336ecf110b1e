import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { Socket } from "node:net";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { OpenSlideQuestion, OpenSlideReply } from "./protocol.js";

/** Requests that the child works on at the same time; OpenSlide reads regions in parallel. */
const AT_ONCE = 4;
const KEPT_ERROR_OUTPUT = 2000;

/** The child ended, or was ended because it did not answer. */
export class ChildLost extends Error {
  override readonly name = "ChildLost";
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** One process with one slide. When it is lost, every request fails and a new one has to be made. */
export class OpenSlideChild {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #waiting: (() => void)[] = [];
  #sent = 0;
  #lost: ChildLost | null = null;
  #errorOutput = "";

  constructor() {
    this.#process = startChild();
    this.#process.on("message", (reply) => this.#settle(reply as OpenSlideReply));
    this.#process.on("error", (cause) => this.#lose(`it could not be run: ${cause.message}`));
    this.#process.on("exit", (code, signal) => this.#lose(this.#describeExit(code, signal)));
    const { stderr } = this.#process;
    // A pipe to a child is a socket, which alone would keep the parent's process alive.
    if (stderr instanceof Socket) stderr.unref();
    stderr?.on("data", (chunk: Buffer) => {
      this.#errorOutput = (this.#errorOutput + chunk.toString("utf8")).slice(-KEPT_ERROR_OUTPUT);
    });
    this.#letParentEnd();
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /**
   * Asks and waits for the answer.
   * @param timeout milliseconds from when the child gets the request
   * @throws ChildLost when the process ends before or takes too long; Error with OpenSlide's own words
   */
  async ask(question: OpenSlideQuestion, timeout: number): Promise<unknown> {
    while (this.#pending.size >= AT_ONCE && this.#lost === null) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#lost !== null) throw this.#lost;
    const id = this.#sent++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#lose(`no answer within ${timeout / 1000} s`), timeout);
      this.#pending.set(id, { resolve, reject, timer });
      this.#letParentEnd();
      this.#process.send({ id, question }, (failure) => {
        if (failure !== null) this.#lose(`it takes no request: ${failure.message}`);
      });
    });
  }

  /** Ends the process at once; what is under way fails. */
  end(): void {
    this.#lose("it was closed");
  }

  #settle(reply: OpenSlideReply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    clearTimeout(pending.timer);
    this.#pending.delete(reply.id);
    this.#letParentEnd();
    if ("failure" in reply) pending.reject(new Error(reply.failure));
    else pending.resolve(reply.answer);
    this.#waiting.shift()?.();
  }

  #lose(reason: string): void {
    if (this.#lost !== null) return;
    this.#lost = new ChildLost(reason);
    this.#process.kill("SIGKILL");
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(this.#lost);
    }
    this.#pending.clear();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #describeExit(code: number | null, signal: string | null): string {
    const how =
      signal === null ? `its process ended with code ${code}` : `its process was ended by ${signal}`;
    const said = this.#errorOutput.trim().split("\n").at(-1) ?? "";
    return said === "" ? how : `${how}: ${said}`;
  }

  /** An idle child does not keep the parent's process alive, a busy one does. */
  #letParentEnd(): void {
    const change = this.#pending.size > 0 ? "ref" : "unref";
    this.#process[change]();
    this.#process.channel?.[change]();
  }
}

function startChild(): ChildProcess {
  const isSource = import.meta.url.endsWith(".ts");
  const script = fileURLToPath(new URL(isSource ? "./child.ts" : "./child.js", import.meta.url));
  const { NODE_OPTIONS: _, ...environment } = process.env;
  return fork(script, [], {
    execArgv: isSource ? ["--import", typeScriptLoader()] : [],
    env: environment,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}

/** Tests run the sources, which Node 20 alone does not. */
function typeScriptLoader(): string {
  return pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
}
