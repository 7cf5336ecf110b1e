import { basename, posix, win32 } from "node:path";
import { EpSamError, firstRepeated, grouped } from "../common/index.js";
import { stemOf } from "./file-kinds.js";

/** A name as names are compared: whatever its case, and whichever way Unicode has of writing its accents. */
export function nameKey(name: string): string {
  return name.normalize("NFC").toLowerCase().normalize("NFC");
}

/** Gives names that are compared as equal one spelling: that of the first. */
export function firstSpelling(): (name: string) => string {
  const spelt = new Map<string, string>();
  return (name) => {
    const first = spelt.get(nameKey(name)) ?? name;
    spelt.set(nameKey(name), first);
    return first;
  };
}

/**
 * Compared without case, since patches are named after pictures and may go to a disk that ignores it.
 * @param matched what goes by these names
 * @throws EpSamError `dataset` when two have the same
 */
export function requireUniqueStems(
  pictures: readonly { readonly stem: string; readonly path: string }[],
  matched: string,
): void {
  const repeated = firstRepeated(pictures, ({ stem }) => nameKey(stem));
  if (repeated === null) return;
  const [other, { path }] = repeated;
  throw new EpSamError("dataset", {
    where: path,
    what: `has the same name as ${other.path}`,
    why: `${matched} are matched by file name without extension`,
    action: "Rename or remove one of them.",
  });
}

/** What a name stands for. */
export interface NameMatch {
  /** The picture that it is the name of. */
  readonly path: string;
  /** Pictures that it could be the name of, too. */
  readonly rivals: readonly string[];
}

/**
 * Tells whose name a name is, among pictures: the one way in which annotations, masks and lines of tables are matched.
 * A name may have the picture's extension or not; of `a.ome.tif` it may also be `a`, as QuPath calls it.
 */
export class NamedPictures {
  /** Pictures by key: of the name with its extension, without it, and without `.ome`. */
  readonly #ways: readonly ReadonlyMap<string, readonly string[]>[];

  constructor(paths: readonly string[]) {
    const ways = [(path: string) => basename(path), stemOf, shortName];
    this.#ways = ways.map((nameOf) => grouped(paths, (path) => nameKey(nameOf(path))));
  }

  /** Null for the name of none. Its full name goes before its short ones where several could be meant. */
  find(name: string): NameMatch | null {
    const [path, ...rivals] = new Set(this.#ways.flatMap((way) => way.get(nameKey(name)) ?? []));
    return path === undefined ? null : { path, rivals };
  }

  /** As {@link find}, of a file's name or path in a table, which may have another picture's extension. */
  findFile(name: string): NameMatch | null {
    const file = posix.basename(win32.basename(name));
    return this.find(file) ?? this.find(stemOf(file));
  }
}

function shortName(path: string): string {
  return stemOf(path).replace(/\.ome$/i, "");
}
