import { stat } from "node:fs/promises";
import { hashFile } from "../../common/index.js";
import { type Duplicates, duplicatesOf } from "../preparation/duplicates.js";
import type { NamedSlide } from "./find-slides.js";

/**
 * Slides of the same bytes, by stem. Slides are large: only those that have their size in common are read. Folders (of
 * DICOM files) and links that lead nowhere are left out of account.
 */
export async function sameFiles(slides: readonly NamedSlide[]): Promise<Duplicates> {
  const sizes = await Promise.all(
    slides.map(async ({ stem, path }) => {
      const status = await stat(path).catch(() => null);
      return [stem, status?.isFile() === true ? String(status.size) : null] as const;
    }),
  );
  const pathOf = new Map(slides.map(({ stem, path }) => [stem, path]));
  const keys: [string, string | null][] = [];
  for (const stem of duplicatesOf(sizes).flat()) {
    const path = pathOf.get(stem);
    if (path !== undefined) keys.push([stem, await hashFile(path)]);
  }
  return duplicatesOf(keys);
}
