import { hashBytes } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { listNames, MANY_NAMES } from "../open-dataset.js";
import { compareText, type Split } from "../records.js";

/** Names of pictures that are the same: learned from under one name, they would be judged under another. */
export type Duplicates = readonly (readonly string[])[];

/** What tells the same pictures; null for one of a single colour, which many pictures may be. */
export function pictureKey({ width, height, data }: RgbImage): string | null {
  if (data.every((value, index) => value === data[index % 3])) return null;
  return `${width}x${height} ${hashBytes(data)}`;
}

/** The names that have their key in common with others, in order. */
export function duplicatesOf(keys: Iterable<readonly [name: string, key: string | null]>): Duplicates {
  const named = new Map<string, string[]>();
  for (const [name, key] of keys) {
    if (key === null) continue;
    const others = named.get(key);
    if (others === undefined) named.set(key, [name]);
    else others.push(name);
  }
  const groups = [...named.values()].filter(({ length }) => length > 1);
  return groups.map((names) => names.sort(compareText)).sort(([a = ""], [b = ""]) => compareText(a, b));
}

/**
 * What is told of the same pictures under several names.
 * @param splitOf the split of a name; undefined where nothing was taken of it
 */
export function tellDuplicates(
  duplicates: Duplicates,
  splitOf: (name: string) => Split | undefined,
): string[] {
  const apart: string[] = [];
  const together: string[] = [];
  for (const names of duplicates) {
    const splits = new Set(names.flatMap((name) => splitOf(name) ?? []));
    const told = names.map((name) => (splits.size > 1 ? `${name} (${splitOf(name)})` : name)).join(" = ");
    (splits.size > 1 ? apart : together).push(told);
  }
  const kept = `The same picture under several names, kept in one split and counted as often: ${listNames(together, MANY_NAMES)}.`;
  const separated = `The same picture under several names in several splits, as they were given: ${listNames(apart, MANY_NAMES)}; figures on what was learned are too good. Correct the table, or leave one of each out.`;
  return [...(together.length === 0 ? [] : [kept]), ...(apart.length === 0 ? [] : [separated])];
}
