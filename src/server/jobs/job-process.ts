import { type ChildProcess, spawn } from "node:child_process";
import { constants, setPriority } from "node:os";
import { z } from "zod";
import {
  commandEnvironment,
  EpSamError,
  errorTags,
  JOB_VARIABLE,
  jobMessageSchema,
  jsonIfFits,
  lastLine,
  loaderArguments,
  messageOf,
  moduleBeside,
  type Reporter,
} from "../../common/index.js";

/** Characters kept of what a command prints: its outcome, and what it said before it died. */
const MOST_OUTPUT = 4 * 2 ** 20;
const MOST_ERRORS = 4096;
/** A command that was asked to stop is ended after this time; a training step can take a while. */
const GRACE_MILLISECONDS = 30_000;
/** The same when the server ends: what was computed since the last safe point is computed again. */
const ENDING_MILLISECONDS = 2000;
/** Reason of an abort that comes from the end of the server. */
export const SERVER_ENDING = "the server is ending";

/** Commands that workers of a queue can do. */
const QUEUED: readonly string[] = ["infer", "prepare"];

/** How the command line is started: a program and its first arguments. */
export interface JobCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** This package's own command line. */
export function ownCommandLine(): JobCommand {
  const main = moduleBeside(import.meta.url, "../../cli/main");
  return { program: process.execPath, args: [...loaderArguments(main), main] };
}

/** How a command ended. */
export type JobEnd =
  | { readonly type: "done"; readonly outcome: unknown }
  | { readonly type: "stopped" }
  | { readonly type: "failed"; readonly error: EpSamError };

export interface RunCommandOptions {
  readonly command: JobCommand;
  readonly reporter: Reporter;
  /** Stops the command at its next safe point. */
  readonly signal: AbortSignal;
  readonly graceMilliseconds?: number | undefined;
  /** Address of the queue whose workers work on slides. */
  readonly queue?: string | undefined;
  /** Is told the process id. */
  readonly onStart?: ((processId: number) => void) | undefined;
}

const text = z.string().nullable();
const failureSchema = z.object({
  error: z.object({ tag: z.string(), what: z.string(), where: text, why: text, action: text }),
});

/** Runs one command of the command line in a process of its own, at low priority, and tells how it ended. */
export async function runJobCommand(args: readonly string[], options: RunCommandOptions): Promise<JobEnd> {
  const { command, reporter, signal, queue, graceMilliseconds = GRACE_MILLISECONDS } = options;
  if (signal.aborted) return { type: "stopped" };
  // Not as an argument: it may hold a password, which a list of processes would show.
  const isQueued = queue !== undefined && QUEUED.includes(args[0] ?? "");
  const child = spawn(command.program, [...command.args, ...args, ...(isQueued ? ["--queue"] : [])], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: {
      ...commandEnvironment(args),
      [JOB_VARIABLE]: "1",
      NO_COLOR: "1",
      ...(isQueued ? { EPSAM_QUEUE: queue } : {}),
    },
    windowsHide: true,
  });
  if (child.pid !== undefined) {
    options.onStart?.(child.pid);
    lowerPriority(child.pid, reporter);
  }
  const output = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    output.stdout = (output.stdout + chunk).slice(-MOST_OUTPUT);
  });
  child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    output.stderr = (output.stderr + chunk).slice(-MOST_ERRORS);
  });
  child.on("message", (message) => tell(reporter, message));
  const stop = stopOnAbort(child, signal, graceMilliseconds);
  try {
    const { code, killer } = await ended(child);
    if (signal.aborted && code !== 0) return { type: "stopped" };
    return endOf(code, killer, output);
  } catch (failure) {
    return { type: "failed", error: unexpectedEnd(messageOf(failure), output.stderr) };
  } finally {
    stop();
  }
}

/** The page and its tiles go first; where the system does not allow it, they share. */
function lowerPriority(id: number, reporter: Reporter): void {
  try {
    setPriority(id, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (cause) {
    reporter.note(`Runs at normal priority: ${messageOf(cause)}`);
  }
}

function tell(reporter: Reporter, message: unknown): void {
  const parsed = jobMessageSchema.safeParse(message);
  if (!parsed.success) return;
  const { data } = parsed;
  if (data.type === "progress") reporter.progress(data.event);
  else if (data.type === "note") reporter.note(data.text);
  else reporter.warn(data.text);
}

/** @returns ends the watch */
function stopOnAbort(child: ChildProcess, signal: AbortSignal, grace: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    child.kill("SIGTERM");
    const patience = signal.reason === SERVER_ENDING ? ENDING_MILLISECONDS : grace;
    timer = setTimeout(() => child.kill("SIGKILL"), patience);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  };
}

function ended(child: ChildProcess): Promise<{ code: number | null; killer: string | null }> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // Not "exit": the last of the output arrives after that.
    child.once("close", (code, killer) => resolve({ code, killer }));
  });
}

/** Exit codes of the command line: 0 done, 3 done but some inputs were skipped. */
function endOf(
  code: number | null,
  killer: string | null,
  { stdout, stderr }: { readonly stdout: string; readonly stderr: string },
): JobEnd {
  const value = jsonIfFits(stdout, z.unknown());
  if (code === 0 || code === 3) return { type: "done", outcome: value };
  const failure = failureSchema.safeParse(value);
  if (!failure.success) {
    return { type: "failed", error: unexpectedEnd(killer ?? `exit code ${code}`, stderr) };
  }
  const { tag, what, where, why, action } = failure.data.error;
  const fields = {
    what,
    ...(where === null ? {} : { where }),
    ...(why === null ? {} : { why }),
    ...(action === null ? {} : { action }),
  };
  return {
    type: "failed",
    error: new EpSamError(errorTags.find((known) => known === tag) ?? "internal", fields),
  };
}

function unexpectedEnd(how: string, stderr: string): EpSamError {
  const isKilled = how === "SIGKILL";
  return new EpSamError("internal", {
    what: `the job's process ended unexpectedly (${how})`,
    why: isKilled ? "mostly the system was out of memory" : lastLine(stderr),
    action: "What was finished is kept: resume the job. When it ends so again, free memory first.",
  });
}
