import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtPath } from "./build.js";

/** A Redis of one's own with an append-only file, to be restarted. */
export class TrialRedis {
  readonly port: number;
  readonly #folder: string;
  #server: ChildProcess;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#server = this.#start();
  }

  static async start(folder: string): Promise<TrialRedis> {
    await mkdir(folder, { recursive: true });
    const probe = createServer().listen(0, "127.0.0.1");
    await once(probe, "listening");
    const address = probe.address();
    probe.close();
    if (typeof address !== "object" || address === null) throw new Error("no port");
    return new TrialRedis(address.port, folder);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends the server at once and starts it again from its file. */
  async restart(): Promise<void> {
    await this.stop();
    this.#server = this.#start();
  }

  async stop(): Promise<void> {
    this.#server.kill("SIGKILL");
    if (this.#server.exitCode === null && this.#server.signalCode === null) await once(this.#server, "exit");
  }

  /** Keeps its connections and answers nothing any more, until it is stopped. */
  freeze(): void {
    this.#server.kill("SIGSTOP");
  }

  #start(): ChildProcess {
    const args = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.#folder];
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    return spawn("redis-server", [...args, ...durable], { stdio: "ignore" });
  }
}

/** A worker in a process of its own. */
export class TrialWorker {
  readonly process: ChildProcess;
  output = "";

  constructor(url: string, args: readonly string[] = []) {
    const command = [builtPath("cli", "main.js"), "worker", "--queue", url, "--device", "cpu", ...args];
    this.process = spawn(process.execPath, command, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, EPSAM_THREADS: "1" },
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
  }

  /** Ends, stops or wakes the worker and the processes in which it works on slides. */
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM", withChildren = true): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    const children = withChildren ? childrenOf(pid) : [];
    for (const id of [pid, ...children]) {
      try {
        process.kill(id, name);
      } catch (cause) {
        // It has ended since it was looked up.
        if (!(cause instanceof Error && "code" in cause && cause.code === "ESRCH")) throw cause;
      }
    }
  }

  async ended(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
  }
}

function childrenOf(pid: number): number[] {
  const table = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const rows = table
    .trim()
    .split("\n")
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.flatMap(([id, parent]) => (parent === pid && id !== undefined ? [id] : []));
}

/** A folder that is removed at the end, whatever happens in it. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "epsam-queue-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Why tests with a real Redis cannot run here. */
export const noRedis = hasRedis() ? undefined : "no redis-server; apt install redis-server";

function hasRedis(): boolean {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
