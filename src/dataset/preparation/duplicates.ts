import { compareText, hashBytes } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { listNames, MANY_NAMES } from "../list-names.js";
import type { Split } from "../records.js";

/** Names of pictures that are the same: learned from under one name, they would be judged under another. */
export type Duplicates = readonly (readonly string[])[];

/** What tells the same pictures, also where they were compressed anew. */
export interface PictureLooks {
  /** Pictures that have it in common are the same pixel by pixel. */
  readonly key: string;
  /** What pictures have in common that may be the same otherwise: their size. */
  readonly shape: string;
  /** Mean colours of cells, row by row; null where too few have colour to tell a picture by. */
  readonly cells: Uint8Array | null;
}

/** Cells of a picture are at least this many pixels high and wide, and at most this many a row and column. */
const CELL_SIDE = 8;
const CELLS = 16;
/** How far compression with loss may move the mean of a cell, and of a whole picture. */
const CELL_NOISE = 6;
const MEAN_NOISE = 2;
/**
 * Cells tell pictures apart whose channels differ by this, as those of glass do not, and that differ from the picture's mean
 * colour by more than loss would make them; with so many of them two pictures are not alike by chance.
 */
const COLOURED = 20;
const DISTINCT = 2 * CELL_NOISE;
const LEAST_TELLING = 32;

/** What tells the same pictures; null for one of a single colour, which many pictures may be. */
export function looksOf(image: RgbImage): PictureLooks | null {
  const { width, height, data } = image;
  if (data.every((value, index) => value === data[index % 3])) return null;
  const shape = `${width}x${height}`;
  return { key: `${shape} ${hashBytes(data)}`, shape, cells: cellsOf(image) };
}

function cellsOf({ width, height, data }: RgbImage): Uint8Array | null {
  const [columns, rows] = [width, height].map((side) => Math.min(CELLS, Math.floor(side / CELL_SIDE)));
  if (columns === undefined || rows === undefined || columns * rows < LEAST_TELLING) return null;
  const sums = new Float64Array(columns * rows * 3);
  const counts = new Float64Array(columns * rows);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const column = Math.floor(((pixel % width) * columns) / width);
    const cell = Math.floor((Math.floor(pixel / width) * rows) / height) * columns + column;
    counts[cell] = (counts[cell] ?? 0) + 1;
    for (let channel = 0; channel < 3; channel++) {
      sums[3 * cell + channel] = (sums[3 * cell + channel] ?? 0) + (data[3 * pixel + channel] ?? 0);
    }
  }
  const cells = Uint8Array.from(sums, (sum, index) => Math.round(sum / (counts[Math.floor(index / 3)] ?? 1)));
  const mean = [0, 1, 2].map(
    (channel) =>
      sums.reduce((sum, value, at) => sum + (at % 3 === channel ? value : 0), 0) / (width * height),
  );
  let telling = 0;
  for (let at = 0; at < cells.length; at += 3) {
    const colour = [...cells.subarray(at, at + 3)];
    const isColoured = Math.max(...colour) - Math.min(...colour) >= COLOURED;
    const isDistinct = colour.some((value, channel) => Math.abs(value - (mean[channel] ?? 0)) >= DISTINCT);
    if (isColoured && isDistinct) telling += 1;
  }
  return telling < LEAST_TELLING ? null : cells;
}

/** The names of pictures that look the same as others, in order. */
export function duplicatesOf(
  pictures: Iterable<readonly [name: string, looks: PictureLooks | null]>,
): Duplicates {
  const groups = new NameGroups();
  const firstOf = new Map<string, string>();
  const rivals = new Map<
    string,
    { readonly name: string; readonly cells: Uint8Array; readonly mean: number }[]
  >();
  for (const [name, looks] of pictures) {
    if (looks === null) continue;
    const { key, shape, cells } = looks;
    const first = firstOf.get(key);
    if (first !== undefined) {
      groups.join(first, name);
      continue;
    }
    firstOf.set(key, name);
    if (cells === null) continue;
    const mean = cells.reduce((sum, value) => sum + value, 0) / cells.length;
    const others = rivals.get(shape);
    if (others === undefined) rivals.set(shape, [{ name, cells, mean }]);
    else others.push({ name, cells, mean });
  }
  for (const others of rivals.values()) {
    others.sort((a, b) => a.mean - b.mean);
    for (const [index, one] of others.entries()) {
      for (let at = index + 1; at < others.length; at++) {
        const other = others[at];
        if (other === undefined || other.mean > one.mean + MEAN_NOISE) break;
        if (areAlike(one.cells, other.cells)) groups.join(one.name, other.name);
      }
    }
  }
  return groups.all();
}

function areAlike(one: Uint8Array, other: Uint8Array): boolean {
  return (
    one.length === other.length && one.every((value, at) => Math.abs(value - (other[at] ?? 0)) <= CELL_NOISE)
  );
}

/** Names that belong together, through each other, too. */
class NameGroups {
  readonly #groupOf = new Map<string, Set<string>>();

  join(one: string, other: string): void {
    const group = this.#groupOf.get(one) ?? new Set([one]);
    for (const name of [one, ...(this.#groupOf.get(other) ?? [other])]) {
      group.add(name);
      this.#groupOf.set(name, group);
    }
  }

  /** Each sorted, by their first names. */
  all(): Duplicates {
    const groups = [...new Set(this.#groupOf.values())].map((names) => [...names].sort(compareText));
    return groups.sort(([a = ""], [b = ""]) => compareText(a, b));
  }
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
