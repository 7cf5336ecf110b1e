import { basename, dirname } from "node:path";
import { grouped } from "../../common/index.js";
import { nameKey } from "../../dataset/index.js";

/**
 * What entries of a list are called: by their own name and, where several have the same, by as many of the nearest
 * folders as tell them apart: `1.svs (lab A)` and `1.svs (lab B)`. No other name of a folder leaves the server.
 * @param paths absolute, all different
 */
export function labelsOf(paths: readonly string[]): ReadonlyMap<string, string> {
  const keyOf = (path: string) => nameKey(basename(path));
  const rivals = grouped(paths, keyOf);
  return new Map(paths.map((path) => [path, labelOf(path, rivals.get(keyOf(path)) ?? [])]));
}

function labelOf(path: string, rivals: readonly string[]): string {
  const folders: string[] = [];
  let left = path;
  let same = rivals.filter((rival) => rival !== path).map(dirname);
  while (same.length > 0) {
    left = dirname(left);
    folders.unshift(basename(left));
    same = same.filter((rival) => basename(rival) === basename(left) && rival !== left).map(dirname);
  }
  const name = basename(path);
  return folders.length === 0 ? name : `${name} (${folders.join(" › ")})`;
}
