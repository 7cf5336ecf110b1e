import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { exists, hashBytes, writeFileAtomically } from "../common/index.js";
import type { LabelledSquareEntry } from "../contract/index.js";
import { ringOf } from "../geometry/index.js";
import { formatGeoJson } from "./geojson-write.js";
import { defaultGroupRules } from "./roles.js";
import type { Annotation } from "./types.js";

/** Digits after the point of the coordinates: what was clicked is what is learnt. */
const DIGITS = 5;

/** A group of each kind whose meaning everybody knows. */
const [TUMOUR = "", OTHER = ""] = [defaultGroupRules.tumour[0], defaultGroupRules.exclusion[0]];

/**
 * Writes labelled squares as annotation files, named like the slides, for preparation: as outlines of tumour and of what
 * is none. The folder's name follows from the content, so that the same squares are the same files.
 * @param parent holds the folder
 * @param squares by the slide's name
 * @returns the folder
 * @throws EpSamError `storage`
 */
export async function writeSquareFiles(
  parent: string,
  squares: ReadonlyMap<string, readonly LabelledSquareEntry[]>,
): Promise<string> {
  const files = [...squares].map(([name, own]) => ({
    name: `${name}.geojson`,
    content: formatGeoJson(own.map(outlineOf), [], { digits: DIGITS, origin: { x: 0, y: 0 } }),
  }));
  const folder = join(parent, hashBytes(JSON.stringify(files)).slice(0, 16));
  await mkdir(folder, { recursive: true });
  for (const { name, content } of files) {
    const file = join(folder, name);
    // Unchanged files keep their time, by which an interrupted preparation knows them again.
    if (!(await exists(file))) await writeFileAtomically(file, content);
  }
  return folder;
}

function outlineOf({ x, y, size, tumour }: LabelledSquareEntry): Annotation {
  const [right, bottom] = [x + size, y + size];
  const corners = [x, y, right, y, right, bottom, x, bottom];
  return {
    ...{ id: null, name: "", group: tumour === 1 ? TUMOUR : OTHER, colour: null },
    ...{ polygons: [{ outer: ringOf(corners), holes: [] }], points: [], measurements: {} },
  };
}
