import type { Terminal } from "../../src/cli/terminal.js";

export interface RecordingTerminal extends Terminal {
  readonly written: { stdout: string; stderr: string };
}

/** A terminal that keeps what is written to it. */
export function recordingTerminal(
  options: { isTTY?: boolean; columns?: number; variables?: Record<string, string> } = {},
): RecordingTerminal {
  const written = { stdout: "", stderr: "" };
  const { isTTY = false, columns, variables = {} } = options;
  const stream = (name: "stdout" | "stderr") => ({
    isTTY,
    columns,
    write(text: string) {
      written[name] += text;
    },
  });
  return { written, stdout: stream("stdout"), stderr: stream("stderr"), variables };
}
