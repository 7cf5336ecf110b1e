import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { builtPath, ensureBuilt } from "./build.js";

export interface ViewProcessOptions {
  readonly stateDirectory: string;
  readonly inputs: readonly string[];
}

/** The web application in a process that can be killed and started again at the same address. */
export class ViewProcess {
  readonly #options: ViewProcessOptions;
  #child: ChildProcess | null = null;
  #port = 0;

  private constructor(options: ViewProcessOptions) {
    this.#options = options;
  }

  /** Starts the server, with the page as it is built. */
  static async start(options: ViewProcessOptions): Promise<ViewProcess> {
    await ensureBuilt();
    const view = new ViewProcess(options);
    await view.restart();
    return view;
  }

  /** Of the page, ending with a slash. */
  get address(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Ends the server as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async restart(): Promise<void> {
    const { stateDirectory, inputs } = this.#options;
    const root = join(import.meta.dirname, "..", "..");
    const script = join(root, "test", "support", "view-server.ts");
    const args = ["--import", "tsx", script, stateDirectory, builtPath("web"), String(this.#port), ...inputs];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    this.#child = child;
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    this.#port = Number(line);
  }
}
