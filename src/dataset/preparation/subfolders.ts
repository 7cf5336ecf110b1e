import { readdir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { compareText, isRemotePath } from "../../common/index.js";

/** Folders deeper than this are not looked into for a hint. */
const DEEPEST = 4;
/** So many folders are named; the others are counted. */
const NAMED = 5;

/** Why inputs hold nothing, and what to do, when what is wanted lies below them. */
export interface SubfolderHint {
  readonly why: string;
  readonly action: string;
}

/**
 * Looks for wanted files below folders that hold none themselves.
 * @param things what they are called, such as "images"
 * @returns null when there are none either
 */
export async function subfolderHint(
  inputs: readonly string[],
  things: string,
  isWanted: (name: string) => boolean,
): Promise<SubfolderHint | null> {
  const found: { readonly folder: string; readonly text: string }[] = [];
  for (const input of inputs) {
    if (isRemotePath(input) || !(await stat(input)).isDirectory()) continue;
    for (const { folder, count } of await foldersBelow(input, isWanted, DEEPEST)) {
      found.push({ folder, text: `${relative(input, folder)} (${count})` });
    }
  }
  if (found.length === 0) return null;
  const named = found.slice(0, NAMED);
  const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : "";
  return {
    why: `${things} lie in subfolders: ${named.map(({ text }) => text).join(", ")}${more}; these are not searched, since files there may have the same names or be masks`,
    action: `Give the folders that hold ${things} themselves: ${named.map(({ folder }) => folder).join(" ")}${more === "" ? "" : " …"}`,
  };
}

/** The folders below one that hold wanted files, in the order of their paths. */
async function foldersBelow(
  folder: string,
  isWanted: (name: string) => boolean,
  depth: number,
): Promise<{ readonly folder: string; readonly count: number }[]> {
  if (depth === 0) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  const found: { folder: string; count: number }[] = [];
  for (const { name } of folders.sort((a, b) => compareText(a.name, b.name))) {
    const below = join(folder, name);
    const files = await readdir(below, { withFileTypes: true });
    const count = files.filter((entry) => !entry.isDirectory() && isWanted(entry.name)).length;
    if (count > 0) found.push({ folder: below, count });
    found.push(...(await foldersBelow(below, isWanted, depth - 1)));
  }
  return found;
}
