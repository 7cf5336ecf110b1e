import type { CommandUnknownOpts } from "@commander-js/extra-typings";
import { vi } from "vitest";

/** What a command wrote and how it ended; `usageError` is commander's message for a wrong command line. */
export interface CommandRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: typeof process.exitCode;
  readonly usageError: string | null;
}

/** Runs a command in this process, so that a test sees its output and need not build the package. */
export async function runInProcess(
  command: CommandUnknownOpts,
  words: readonly string[],
): Promise<CommandRun> {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    });
  }
  command.exitOverride().configureOutput({ writeErr: (text) => process.stderr.write(text) });
  const usageError = await command.parseAsync([...words], { from: "user" }).then(
    () => null,
    (failure: Error) => failure.message,
  );
  const code = process.exitCode;
  process.exitCode = undefined;
  vi.restoreAllMocks();
  return { ...output, code, usageError };
}
