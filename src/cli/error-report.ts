import { existsSync } from "node:fs";
import { resolve } from "node:path";
import {
  EpSamError,
  type ErrorFields,
  fileErrorOf,
  isEpSamError,
  isRemotePath,
  messageOf,
  visibleText,
} from "../common/index.js";
import { ExitCode } from "./exit-codes.js";
import { errorWithFlags } from "./setting-flags.js";
import { coloursFor, type Terminal } from "./terminal.js";

/** Anything thrown as an EpSamError; the unexpected becomes `internal`. */
export function asEpSamError(thrown: unknown): EpSamError {
  if (isEpSamError(thrown)) return thrown;
  const fileError = fileErrorOf(thrown);
  if (fileError !== null) return fileError;
  return new EpSamError(
    "internal",
    {
      what: "internal error",
      why: messageOf(thrown),
      action: "Please report this with the command you ran; EPSAM_DEBUG=1 shows where it happened.",
    },
    { cause: thrown },
  );
}

/**
 * Writes an error for people on standard error and, with `json`, for programs on standard output. Settings are named
 * by their flags.
 * @param isJob whether a server reads it, which passes it on to its page: settings keep their own names then
 * @returns the exit code
 */
export function reportError(thrown: unknown, terminal: Terminal, json: boolean, isJob = false): number {
  const error = asEpSamError(thrown);
  const flagged = errorWithFlags(error);
  terminal.stderr.write(errorBlock(flagged, thrown, terminal));
  const record = errorRecord(isJob ? error : flagged);
  if (json) terminal.stdout.write(`${JSON.stringify({ error: record }, null, 2)}\n`);
  const isUsage = error.tag === "usage" || error.tag === "configuration";
  return isUsage || isMissingArgument(error) ? ExitCode.wrongUsage : ExitCode.failed;
}

/** A path of the command line where nothing is, apart from outputs: the same mistake in every command. */
function isMissingArgument({ fields: { where } }: EpSamError): boolean {
  if (where === undefined || isRemotePath(where) || existsSync(where)) return false;
  const words = process.argv.slice(2);
  const inputs = words.filter((word, at) => !/^--out(?:=|$)/.test(word) && words[at - 1] !== "--out");
  const paths = inputs.map((word) => word.replace(/^--[\w-]+=/, ""));
  return paths.some((path) => path !== "" && resolve(path) === resolve(where));
}

/** The error as programs read it; absent fields are null. */
export function errorRecord({ tag, fields }: EpSamError): Record<"tag" | keyof ErrorFields, string | null> {
  const { what, where = null, why = null, action = null } = fields;
  return { tag, what, where, why, action };
}

function errorBlock(error: EpSamError, thrown: unknown, terminal: Terminal): string {
  const { red, bold } = coloursFor(terminal.stderr, terminal.variables);
  const { what, where, why, action } = error.fields;
  const heading = where === undefined ? what : `${where}: ${what}`;
  const lines = [`${bold(red("Error:"))} ${visibleText(heading)}`];
  if (why !== undefined) lines.push(`  Why:  ${indented(why)}`);
  if (action !== undefined) lines.push(`  Next: ${indented(action)}`);
  const isDebugging = terminal.variables.EPSAM_DEBUG === "1";
  if (isDebugging && thrown instanceof Error) lines.push(visibleText(stackOf(thrown)));
  return `${lines.join("\n")}\n`;
}

function indented(text: string): string {
  return visibleText(text.trim()).replaceAll("\n", "\n        ");
}

function stackOf(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own;
}
