import { readFile } from "node:fs/promises";
import { join } from "node:path";
import {
  anyExists,
  EpSamError,
  type ErrorTag,
  exists,
  type HeldLock,
  holdDirectory,
  isEpSamError,
  type LockOptions,
  type Reporter,
} from "../common/index.js";
import { RESULT_FILE, type SkippedInput } from "../dataset/index.js";

const LOCK_FILE = "work.lock";

/** What may be done with results that are there already. */
export interface ReplaceRule {
  readonly resume?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

/** A file or folder that will be written. */
export interface ClaimedPath {
  readonly path: string;
  /** It comes from an earlier call, which may be resumed, when any of these is there. */
  readonly marks: readonly string[];
}

/**
 * Refuses to replace what is there, before anything is computed.
 * @throws EpSamError `usage` when a path exists and neither `resume` nor `overwrite` is given, or `resume` is and the
 *   path is none of ours
 */
export async function requireFreeOutput(
  claims: readonly ClaimedPath[],
  { resume = false, overwrite = false }: ReplaceRule,
): Promise<void> {
  if (overwrite) return;
  for (const { path, marks } of claims) {
    if (!(await exists(path)) || (resume && (await anyExists(marks)))) continue;
    throw new EpSamError("usage", {
      what: "exists already",
      where: path,
      action: "Go on with `resume: true`, choose another `out`, or replace it with `overwrite: true`.",
    });
  }
}

/** Reserves a directory of results for this process. @throws EpSamError `usage` when another writes into it, `busy` when it was watched for as long as the patience says */
export function lockResults(
  directory: string,
  rule: Pick<LockOptions, "patience" | "onLost"> = {},
): Promise<HeldLock> {
  return holdDirectory(directory, {
    name: LOCK_FILE,
    tag: rule.patience === undefined ? "usage" : "busy",
    activity: "segmenting into",
    why: "two would mix their patches",
    ...rule,
  });
}

/**
 * A finished result that may be kept, or null when there is none.
 * @param file its JSON
 * @param read the result and what it was made with, or null when this version did not write it
 * @param wanted what decides the result in this call, by the names that are told when they differ
 * @throws EpSamError `usage` when the result was made with something else and may not be replaced
 */
export async function storedResult<Result>(
  file: string,
  read: (value: unknown) => { readonly result: Result; readonly settings: object } | null,
  wanted: object,
  { resume = false, overwrite = false }: ReplaceRule,
): Promise<Result | null> {
  if (!resume || !(await exists(file))) return null;
  const stored = read(parsed(await readFile(file, "utf8")));
  const difference = stored === null ? "format" : differenceOf(stored.settings, wanted);
  if (stored !== null && difference === undefined) return stored.result;
  if (overwrite) return null;
  throw new EpSamError("usage", {
    what: "is not a result of this call",
    where: file,
    why: `its ${difference} differs`,
    action: "Choose another `out`, or replace such results with `resume: true` and `overwrite: true`.",
  });
}

/** Undefined for what is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

function differenceOf(stored: object, wanted: object): string | undefined {
  const values = new Map<string, unknown>(Object.entries(stored));
  const isSame = ([key, value]: [string, unknown]): boolean =>
    JSON.stringify(values.get(key)) === JSON.stringify(value);
  return Object.entries(wanted).find((entry) => !isSame(entry))?.[0];
}

/**
 * Goes through inputs one by one. Those that cannot be read are left out, with a warning.
 * @param unreadable tags of the errors that say so
 * @returns what was left out
 */
export async function forEachInput<Input extends { readonly path: string }>(
  inputs: readonly Input[],
  unreadable: readonly ErrorTag[],
  { reporter, signal }: { readonly reporter: Reporter; readonly signal?: AbortSignal | undefined },
  work: (input: Input, index: number) => Promise<void>,
): Promise<SkippedInput[]> {
  const skipped: SkippedInput[] = [];
  for (const [index, input] of inputs.entries()) {
    signal?.throwIfAborted();
    try {
      await work(input, index);
    } catch (failure) {
      if (!isEpSamError(failure) || !unreadable.includes(failure.tag)) throw failure;
      const { what, why, action } = failure.fields;
      reporter.warn(`${failure.message} Left out.`);
      const reason = why === undefined ? what : `${what} (${why})`;
      const advice = action === undefined ? "" : `; ${action.replace(/\.$/, "")}`;
      skipped.push({ file: input.path, reason: reason + advice });
    }
  }
  return skipped;
}

/** What tells that a slide's folder is ours: a result, or what a call that is under way or was killed left. */
export function ownMarks(folder: string, workDirectory: string): string[] {
  return [workDirectory, join(folder, RESULT_FILE), join(folder, LOCK_FILE)];
}
