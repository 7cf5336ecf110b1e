import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { builtPath, ensureBuilt } from "../support/build.js";
import { describeWith, noPosix } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const { folder } = temporaryDirectory();
/** What V8 writes about the scripts that ran. */
const scriptsSchema = z.object({ result: z.array(z.object({ url: z.string() })) });

beforeAll(ensureBuilt, 180_000);

/** Starts `node` with arguments and collects what it writes. */
function start(args: readonly string[], variables: NodeJS.ProcessEnv = {}) {
  const env = { ...process.env, ...variables };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  const written = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    written.stdout += String(chunk);
  });
  child.stderr.on("data", (chunk) => {
    written.stderr += String(chunk);
  });
  return { child, written };
}

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  const [code, signal] = await once(child, "close");
  return { code, signal };
}

/** A command that works until it is stopped; `stubborn` ones do not look at the signal. */
function longJob(stubborn: boolean): readonly string[] {
  const shell = pathToFileURL(builtPath("cli", "run-command.js")).href;
  const script = `
    const { runCommand } = await import(${JSON.stringify(shell)});
    await runCommand({ resumeHint: "Add --resume." }, async ({ signal }) => {
      process.stderr.write("working\\n");
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (!${stubborn}) signal.throwIfAborted();
      }
    });`;
  return ["--input-type=module", "--eval", script];
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("the built command line", () => {
  it("runs doctor and prints nothing but JSON on standard output", async () => {
    const { child, written } = start([builtPath("cli", "main.js"), "doctor", "--json"]);
    expect(await ended(child)).toEqual({ code: 0, signal: null });
    const report = JSON.parse(written.stdout);
    expect(report.healthy).toBe(true);
    expect(report.checks.map((check: { name: string }) => check.name)).toContain("CPU provider");
  });

  it("shows its help without loading what the commands need", async () => {
    const coverage = await folder();
    const { child, written } = start([builtPath("cli", "main.js"), "--help"], { NODE_V8_COVERAGE: coverage });
    expect((await ended(child)).code).toBe(0);
    expect(written.stdout).toContain("Usage: epsam");
    const [report = ""] = await readdir(coverage);
    const { result } = scriptsSchema.parse(JSON.parse(await readFile(join(coverage, report), "utf8")));
    const files = result.map(({ url }) => url).filter((url) => url.startsWith("file:"));
    expect(files.map((url) => basename(url))).toEqual(expect.arrayContaining(["main.js", "program.js"]));
    expect(
      files.filter((url) => !/\/dist\/cli\/[^/]+$|\/(?:commander|extra-typings|picocolors)\//.test(url)),
    ).toEqual([]);
  });

  it("gives exit code 2 for wrong usage", async () => {
    const { child, written } = start([builtPath("cli", "main.js"), "nothing"]);
    expect((await ended(child)).code).toBe(2);
    expect(written.stderr).toContain("unknown command 'nothing'");
  });

  it("ends quietly when its reader goes away", async () => {
    const { child, written } = start([builtPath("cli", "main.js"), "models", "list"]);
    child.stdout.destroy();
    expect((await ended(child)).code).toBe(0);
    expect(written.stderr).toBe("");
  });
});

describeWith("posix", noPosix, "a real Ctrl-C", () => {
  it("stops the job at a safe point and says how to resume", async () => {
    const { child, written } = start(longJob(false));
    await until(() => written.stderr.includes("working"));
    child.kill("SIGINT");
    expect(await ended(child)).toEqual({ code: 130, signal: null });
    expect(written.stderr).toContain("Stopped. Add --resume.");
  });

  it("ends a job that does not react at the second time", async () => {
    const { child, written } = start(longJob(true));
    await until(() => written.stderr.includes("working"));
    child.kill("SIGINT");
    await until(() => written.stderr.includes("press Ctrl-C again"));
    child.kill("SIGINT");
    expect(await ended(child)).toEqual({ code: null, signal: "SIGINT" });
  });
});
