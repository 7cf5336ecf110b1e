import colours from "picocolors";

/** The part of a writable stream that commands use. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Where commands write: results on `stdout`, everything meant for people on `stderr`. */
export interface Terminal {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** The streams and environment of this process. */
export function processTerminal(): Terminal {
  return { stdout: process.stdout, stderr: process.stderr, variables: process.env };
}

/** True when lines of `stream` may be rewritten in place. */
export function isInteractive(stream: OutputStream, variables: Terminal["variables"]): boolean {
  return stream.isTTY === true && variables.TERM !== "dumb";
}

/** Colours for a stream: on a terminal, unless `NO_COLOR` is set (https://no-color.org). */
export function coloursFor(stream: OutputStream, variables: Terminal["variables"]) {
  const isRefused = variables.NO_COLOR !== undefined && variables.NO_COLOR !== "";
  return colours.createColors(isInteractive(stream, variables) && !isRefused);
}
