import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../common/index.js";

const JOURNAL_EXTENSION = ".journal";

/** Where the journals lie in a state directory. */
export function annotationFolder(stateDirectory: string): string {
  return join(stateDirectory, "annotations");
}

export function journalPath(folder: string, slide: string): string {
  return join(folder, `${slide}${JOURNAL_EXTENSION}`);
}

/** Paths of all journals of a folder, in the order of their names; none when there is no folder. */
export async function listJournals(folder: string): Promise<string[]> {
  if (!(await exists(folder))) return [];
  const names = (await readdir(folder)).filter(
    (name) => name.endsWith(JOURNAL_EXTENSION) && !name.startsWith("."),
  );
  return names.sort().map((name) => join(folder, name));
}
