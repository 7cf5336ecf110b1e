import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, exists, isTemporaryName, jsonIfFits, writeFileAtomically } from "../common/index.js";

export interface ClaimOptions {
  /** What the directory is then: `demo`, `project`. */
  readonly name: string;
  /** What decides what will be in it, as JSON. */
  readonly settings: object;
  /** Goes on with one that is there; `if-there` begins one where there is none. */
  readonly resume: boolean | "if-there";
  readonly overwrite: boolean;
  /** What to do about one that is there and is neither resumed nor replaced. */
  readonly advice: string;
  /** What replacing one removes; everything unless told. */
  readonly entries?: readonly string[] | undefined;
}

/**
 * Marks a directory by a file `<name>.json` as one of ours, so that only such a one is ever resumed or replaced.
 * @throws EpSamError `usage` when the directory is not empty and may not be replaced, or is to be resumed and is none, or
 *   was begun with other settings
 */
export async function claimDirectory(root: string, options: ClaimOptions): Promise<void> {
  const { name, settings, resume, overwrite, entries } = options;
  const marker = `${name}.json`;
  const content = `${JSON.stringify({ formatVersion: 1, settings }, null, 2)}\n`;
  const isOurs = await exists(join(root, marker));
  if (resume === true || (resume === "if-there" && isOurs && !overwrite)) {
    const found = isOurs ? await readFile(join(root, marker), "utf8") : null;
    if (found !== content) throw noneToGoOnWith(root, options, found, content);
    return;
  }
  const others = (await exists(root)) ? (await readdir(root)).filter((entry) => !isTemporaryName(entry)) : [];
  if (others.length > 0 && !(overwrite && isOurs)) throw taken(root, options, isOurs);
  // The marker stays until it is replaced, so that whatever a kill leaves can still be replaced.
  for (const entry of (entries ?? others).filter((other) => other !== marker))
    await rm(join(root, entry), { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  await writeFileAtomically(join(root, marker), content);
}

function taken(root: string, { name, advice }: ClaimOptions, isOurs: boolean): EpSamError {
  return new EpSamError("usage", {
    what: isOurs ? `already holds a ${name}` : `is not empty and holds no ${name}`,
    where: root,
    action: isOurs ? advice : "Choose a new or empty directory for `out`.",
  });
}

function noneToGoOnWith(
  root: string,
  { name, resume, advice }: ClaimOptions,
  found: string | null,
  wanted: string,
): EpSamError {
  const inNew = "Start one without `resume`, in a new directory.";
  return new EpSamError("usage", {
    what: found === null ? `holds no ${name} to go on with` : `holds a ${name} with other settings`,
    where: root,
    why: found === null ? undefined : differenceOf(found, wanted),
    action: resume === true ? inNew : advice,
  });
}

const contentSchema = z.object({ settings: z.unknown() });

/** The first setting that differs, as `prepare.patchSize was 512 and is 448 now`. */
function differenceOf(found: string, wanted: string): string | undefined {
  const [before, now] = [found, wanted].map((text) => leavesOf(jsonIfFits(text, contentSchema)?.settings));
  if (before === undefined || now === undefined) return undefined;
  for (const key of new Set([...before.keys(), ...now.keys()])) {
    const [old = "not told", current = "not told"] = [before.get(key), now.get(key)];
    if (old !== current) return `${key} was ${old} and is ${current} now`;
  }
  return undefined;
}

/** Values by their full key; lists are values. */
function leavesOf(value: unknown, key = ""): Map<string, string> {
  if (!(value instanceof Object) || Array.isArray(value)) return new Map([[key, JSON.stringify(value)]]);
  return new Map(
    Object.entries(value).flatMap(([name, inner]) => [
      ...leavesOf(inner, key === "" ? name : `${key}.${name}`),
    ]),
  );
}
