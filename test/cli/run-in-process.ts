import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { vi } from "vitest";
import { runProgram } from "../../src/cli/program.js";
import { processTerminal } from "../../src/cli/terminal.js";

/** What a command wrote and how it ended; `usageError` is commander's message for a wrong command line. */
export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: typeof process.exitCode;
  readonly usageError: string | null;
}

/** Keeps what is written meanwhile, and leaves the exit code of this process as it was. */
async function recorded<Result>(work: () => Promise<Result>) {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    });
  }
  const result = await work();
  const code = process.exitCode;
  process.exitCode = undefined;
  vi.restoreAllMocks();
  return { ...output, code, result };
}

/** Runs a command in this process, so that a test sees its output and need not build the package. */
export async function runInProcess(
  command: CommandUnknownOpts,
  words: readonly string[],
): Promise<CommandRun> {
  const { result, ...run } = await recorded(() => {
    command.exitOverride().configureOutput({ writeErr: (text) => process.stderr.write(text) });
    return command.parseAsync([...words], { from: "user" }).then(
      () => null,
      (failure: Error) => failure.message,
    );
  });
  return { ...run, usageError: result };
}

/** Runs the whole command line in this process; the exit code is the one that the process would end with. */
export async function runProgramInProcess(
  words: readonly string[],
): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }> {
  const { argv } = process;
  process.argv = [...argv.slice(0, 2), ...words];
  const { result, stdout, stderr } = await recorded(() => runProgram(words, processTerminal()));
  process.argv = argv;
  return { stdout, stderr, code: result };
}
