import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { EpSamError, exists, lockDirectory, writeFileAtomically } from "../../common/index.js";
import type { SlideResult, SlideSettings } from "./options.js";

/** Names of what is written for a slide beside the exports. */
export const RESULT_FILE = "inference.json";
export const WORK_FOLDER = "work";
export const SUMMARY_TABLE = "summary.csv";
const LOCK_FILE = "work.lock";

/**
 * Refuses to replace what is there, before anything is computed.
 * @throws EpSamError `usage` when a slide's folder or the table exists and neither `resume` nor `overwrite` is given,
 *   or `resume` is and the folder is none of ours
 */
export async function requireFreeOutput(
  out: string,
  names: readonly string[],
  {
    resume = false,
    overwrite = false,
  }: { readonly resume?: boolean | undefined; readonly overwrite?: boolean | undefined },
): Promise<void> {
  if (overwrite) return;
  for (const name of names) {
    const folder = join(out, name);
    if (!(await exists(folder))) continue;
    if (resume && (await isOurs(folder))) continue;
    throw existing(folder);
  }
  const table = join(out, SUMMARY_TABLE);
  if (!resume && (await exists(table))) throw existing(table);
}

async function isOurs(folder: string): Promise<boolean> {
  for (const name of [WORK_FOLDER, RESULT_FILE, LOCK_FILE]) {
    if (await exists(join(folder, name))) return true;
  }
  return false;
}

function existing(path: string): EpSamError {
  return new EpSamError("usage", {
    what: "exists already",
    where: path,
    action: "Go on with `resume: true`, choose another `out`, or replace it with `overwrite: true`.",
  });
}

/** The finished result of a slide whose settings are known again, or null when there is none to keep. */
export async function storedResult(
  folder: string,
  settings: SlideSettings,
  {
    resume = false,
    overwrite = false,
  }: { readonly resume?: boolean | undefined; readonly overwrite?: boolean | undefined },
): Promise<SlideResult | null> {
  const file = join(folder, RESULT_FILE);
  if (!resume || !(await exists(file))) return null;
  const stored = parseResult(await readFile(file, "utf8"));
  const difference = stored === null ? "format" : differenceOf(stored.settings, settings);
  if (difference === null) return stored;
  if (overwrite) return null;
  throw new EpSamError("usage", {
    what: "is not a result of this call",
    where: file,
    why: `its ${difference} differs`,
    action: "Choose another `out`, or replace such results with `resume: true` and `overwrite: true`.",
  });
}

function differenceOf(stored: SlideSettings, wanted: SlideSettings): string | null {
  const keys = ["slide", "model", "micronsPerPixel", "reading", "overlap", "tissue", "outlines"] as const;
  return keys.find((key) => JSON.stringify(stored[key]) !== JSON.stringify(wanted[key])) ?? null;
}

/** A result that this version wrote, or null. */
function parseResult(text: string): SlideResult | null {
  try {
    const value: unknown = JSON.parse(text);
    return isResult(value) ? value : null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** Told by its version: every change of the layout raises it. */
function isResult(value: unknown): value is SlideResult {
  return (
    typeof value === "object" &&
    value !== null &&
    "formatVersion" in value &&
    value.formatVersion === 1 &&
    "settings" in value &&
    "patches" in value
  );
}

/** Writes a slide's result, which tells that everything beside it is complete. */
export async function writeSlideResult(folder: string, result: SlideResult): Promise<void> {
  await writeFileAtomically(join(folder, RESULT_FILE), `${JSON.stringify(result, null, 2)}\n`);
}

/** Takes back that a slide's results are complete. */
export async function removeSlideResult(folder: string): Promise<void> {
  await rm(join(folder, RESULT_FILE), { force: true });
}

/** Reserves a slide's folder for this process. @throws EpSamError `usage` when another works on the slide */
export function lockSlideFolder(folder: string): Promise<() => Promise<void>> {
  return lockDirectory(folder, {
    name: LOCK_FILE,
    tag: "usage",
    activity: "segmenting into",
    why: "two would mix their patches",
  });
}
