import { EventEmitter } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Action, executeAction } from "../../src/cli/run-command.js";
import { EpSamError, storageError } from "../../src/common/index.js";
import { recordingTerminal } from "./recording-terminal.js";

async function execute(action: Action, options: { json?: boolean; variables?: Record<string, string> } = {}) {
  const terminal = recordingTerminal(options.variables === undefined ? {} : { variables: options.variables });
  const signals = new EventEmitter();
  const code = await executeAction({ json: options.json }, action, terminal, signals);
  return { code, ...terminal.written, listeners: signals.listenerCount("SIGINT") };
}

const failing =
  (thrown: unknown): Action =>
  async () => {
    throw thrown;
  };

describe("the outcome", () => {
  it("is printed as text or as JSON on standard output, with its exit code", async () => {
    const action: Action = async ({ reporter }) => {
      reporter.note("wrote masks");
      return { json: { images: 2 }, text: "2 images", status: "someSkipped" };
    };
    expect(await execute(action)).toEqual({
      code: 3,
      stdout: "2 images\n",
      stderr: "wrote masks\n",
      listeners: 0,
    });
    const json = await execute(action, { json: true });
    expect(JSON.parse(json.stdout)).toEqual({ images: 2 });
    expect(json.stderr).toBe("wrote masks\n");
  });

  it("has exit code 0, or 1 for a failure that was reported", async () => {
    expect((await execute(async () => ({ json: {}, text: "" }))).code).toBe(0);
    expect((await execute(async () => ({ json: {}, text: "", status: "failed" }))).code).toBe(1);
  });
});

describe("an error", () => {
  const error = new EpSamError("input-image", {
    what: "cannot be decoded",
    where: "a/b.png",
    why: "it ends after 12 bytes",
    action: "Copy it again.",
  });

  it("is one block: what, where, why, what to do", async () => {
    const { code, stdout, stderr } = await execute(failing(error));
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      "Error: a/b.png: cannot be decoded\n  Why:  it ends after 12 bytes\n  Next: Copy it again.\n",
    );
  });

  it("is also JSON on standard output with --json", async () => {
    const { code, stdout, stderr } = await execute(failing(error), { json: true });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ error: { tag: "input-image", ...error.fields } });
    expect(stderr).toContain("Error: a/b.png");
    const bare = await execute(failing(new EpSamError("storage", { what: "full" })), { json: true });
    expect(JSON.parse(bare.stdout)).toEqual({
      error: { tag: "storage", what: "full", where: null, why: null, action: null },
    });
  });

  it.each(["usage", "configuration"] as const)("tagged %s is wrong usage", async (tag) => {
    expect((await execute(failing(new EpSamError(tag, { what: "x" })))).code).toBe(2);
  });

  it("that nobody expected asks for a report and shows its stack only when debugging", async () => {
    const unexpected = new TypeError("x is not a function");
    const quiet = await execute(failing(unexpected));
    expect(quiet.code).toBe(1);
    expect(quiet.stderr).toContain("internal error");
    expect(quiet.stderr).toContain("x is not a function");
    expect(quiet.stderr).toContain("Please report");
    expect(quiet.stderr).not.toContain("run-command.test");
    const loud = await execute(failing(unexpected), { variables: { EPSAM_DEBUG: "1" } });
    expect(loud.stderr).toContain("run-command.test");
    expect((await execute(failing("just a string"))).stderr).toContain("just a string");
  });
});

describe("a full disk", () => {
  const cause = Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" });
  const full: Action = () => Promise.reject(storageError("/data/patch.png", cause));

  it("is told with the way on that the command has", async () => {
    const run = async (resumeHint?: string) => {
      const terminal = recordingTerminal();
      const code = await executeAction({ json: true, resumeHint }, full, terminal, new EventEmitter());
      return { code, ...terminal.written };
    };
    const resumable = await run("Go on with the same command and --resume.");
    expect(resumable.code).toBe(1);
    expect(resumable.stderr).toMatch(/Free disk space.* Go on with the same command and --resume\./);
    expect(JSON.parse(resumable.stdout).error.action).toMatch(/and --resume\.$/);
    const other = await run();
    expect(other.stderr).toMatch(/Free disk space.*run the same command again/);
    expect(other.stderr).not.toContain("resume");
  });
});

describe("a file that the system refuses", () => {
  it("is named with the reason, and is no internal error", async () => {
    const folder = await mkdtemp(join(tmpdir(), "refused-"));
    const link = join(folder, "link");
    await symlink(join(folder, "nowhere"), link);
    for (const [act, what] of [
      [() => readFile(link), "does not exist"],
      [() => readdir(join(link, "inside")), "does not exist"],
      [() => readdir(import.meta.filename), "does not exist"],
      [() => mkdir(link), "cannot be read or written"],
    ] as const) {
      const terminal = recordingTerminal();
      const action: Action = async () => {
        await act();
        return null;
      };
      expect(await executeAction({ json: true }, action, terminal, new EventEmitter())).toBe(1);
      const { error } = JSON.parse(terminal.written.stdout);
      expect(error).toMatchObject({ tag: "storage", what });
      expect([folder, import.meta.filename].some((path) => error.where.startsWith(path))).toBe(true);
    }
    await rm(folder, { recursive: true });
  });
});

describe("an interruption", () => {
  async function interrupted(name: "SIGINT" | "SIGTERM", finish: (signal: AbortSignal) => void) {
    const terminal = recordingTerminal();
    const signals = new EventEmitter();
    const action: Action = async ({ signal }) => {
      signals.emit(name, name);
      expect(signal.aborted).toBe(true);
      finish(signal);
      return { json: {}, text: "finished" };
    };
    const options = { resumeHint: "Run it again with --resume." };
    const code = await executeAction(options, action, terminal, signals);
    return { code, ...terminal.written };
  }

  it("aborts the action and says how to go on", async () => {
    const { code, stdout, stderr } = await interrupted("SIGINT", (signal) => signal.throwIfAborted());
    expect(code).toBe(130);
    expect(stdout).toBe("");
    expect(stderr).toContain("Stopping at the next safe point");
    expect(stderr).toContain("Stopped. Run it again with --resume.");
    expect((await interrupted("SIGTERM", (signal) => signal.throwIfAborted())).code).toBe(143);
  });

  it("does not hide another failure, nor a job that finished all the same", async () => {
    const failed = await interrupted("SIGINT", () => {
      throw new EpSamError("storage", { what: "disk full" });
    });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain("Error: disk full");
    const done = await interrupted("SIGINT", () => undefined);
    expect([done.code, done.stdout]).toEqual([0, "finished\n"]);
  });
});
