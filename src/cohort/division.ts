import { readdir, stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { z } from "zod";
import { compareText, EpSamError, exists, hashBytes, isRemotePath, jsonIfFits } from "../common/index.js";
import { listNames } from "../dataset/index.js";
import { readSharedText, type SharedFiles, slideFileVersion } from "../slides/index.js";
import type { Shard } from "./shard.js";

/** A slide with how much work it is taken for. */
export interface WeighedSlide {
  readonly stem: string;
  readonly bytes: number;
}

const divisionSchema = z.object({
  format: z.literal(1),
  /** How many shards. */
  count: z.int(),
  /** SHA-256 of count and slides. */
  hash: z.string(),
  /** Of each shard, names and bytes of its slides. */
  shards: z.array(z.array(z.object({ stem: z.string(), bytes: z.number() }))),
});

/** How slides are divided among shards. */
export type Division = z.infer<typeof divisionSchema>;

/**
 * Divides slides among shards so that all have about as many bytes: glass is compressed to almost nothing, so bytes go
 * with tissue. The largest slides go first, each to the shard that has least; the same slides are divided in the same
 * way everywhere.
 */
export function divide(slides: readonly WeighedSlide[], count: number): Division {
  const heaviest = [...slides].sort((a, b) => b.bytes - a.bytes || compareText(a.stem, b.stem));
  const shards = Array.from({ length: count }, () => ({ bytes: 0, slides: [] as WeighedSlide[] }));
  for (const { stem, bytes } of heaviest) {
    const lightest = shards.reduce((least, shard) => (isLighter(shard, least) ? shard : least));
    lightest.bytes += bytes;
    lightest.slides.push({ stem, bytes });
  }
  const parts = shards.map((shard) => shard.slides.sort((a, b) => compareText(a.stem, b.stem)));
  return { format: 1, count, hash: hashBytes(JSON.stringify([count, parts])), shards: parts };
}

/** By bytes, then by number of slides, so that files of no bytes are spread, too. */
function isLighter(
  a: { readonly bytes: number; readonly slides: readonly unknown[] },
  b: { readonly bytes: number; readonly slides: readonly unknown[] },
): boolean {
  return a.bytes < b.bytes || (a.bytes === b.bytes && a.slides.length < b.slides.length);
}

/** Names of the slides of a shard. */
export function stemsOf({ shards }: Division, { index }: Pick<Shard, "index">): ReadonlySet<string> {
  return new Set(shards[index - 1]?.map(({ stem }) => stem));
}

/** The shard that a slide is in, counted from 1; null when it is in none. */
export function shardWith({ shards }: Division, stem: string): number | null {
  const at = shards.findIndex((slides) => slides.some((slide) => slide.stem === stem));
  return at === -1 ? null : at + 1;
}

/** Bytes of slides, with the files beside them that belong to them (MIRAX, folders of DICOM). */
export async function weigh(
  slides: readonly { readonly stem: string; readonly path: string }[],
): Promise<WeighedSlide[]> {
  const weighed: WeighedSlide[] = [];
  for (const { stem, path } of slides) {
    if (isRemotePath(path)) {
      weighed.push({ stem, bytes: (await slideFileVersion(path)).size });
      continue;
    }
    const companion = join(dirname(path), stem);
    const isIndex = extname(path).toLowerCase() === ".mrxs" && (await exists(companion));
    weighed.push({ stem, bytes: (await bytesOf(path)) + (isIndex ? await bytesOf(companion) : 0) });
  }
  return weighed;
}

/** Of a file, or of the files of a folder; 0 of one that is gone, which opening it tells. */
async function bytesOf(path: string): Promise<number> {
  const status = await stat(path).catch(() => null);
  if (status === null || !status.isDirectory()) return status?.size ?? 0;
  const names = await readdir(path);
  const sizes = await Promise.all(names.map((name) => stat(join(path, name)).catch(() => null)));
  return sizes.reduce((sum, file) => sum + (file?.isFile() === true ? file.size : 0), 0);
}

/**
 * Agrees with the other shards on the division: the first writes it, the others compare.
 * @param files that all shards see
 * @param name of the division's file
 * @throws EpSamError `usage` when another shard saw other slides, or was one of another number of shards
 */
export async function agreeOnDivision(files: SharedFiles, name: string, own: Division): Promise<void> {
  await files.create(name, `${JSON.stringify(own)}\n`);
  const first = await readDivision(files, name);
  if (first?.hash === own.hash) return;
  throw new EpSamError("usage", {
    where: `${files.root}/${name}`,
    what: first === null ? "is no division of this version" : differenceOf(first, own),
    why: "each slide must be in one shard, and the same one wherever that is reckoned",
    action:
      "Give every shard the same slides, complete, and the same number of shards. To divide anew, end all shards and remove that file; finished slides are kept.",
  });
}

/** The division that shards agreed on, or null when there is none of this version. */
export async function readDivision(files: SharedFiles, name: string): Promise<Division | null> {
  const text = await readSharedText(files, name);
  return text === null ? null : (jsonIfFits(text, divisionSchema) ?? null);
}

function differenceOf(first: Division, own: Division): string {
  if (first.count !== own.count)
    return `was begun with ${first.count} shards, and this is one of ${own.count}`;
  const theirs = new Map(first.shards.flat().map(({ stem, bytes }) => [stem, bytes]));
  const ours = new Map(own.shards.flat().map(({ stem, bytes }) => [stem, bytes]));
  const onlyTheirs = [...theirs.keys()].filter((stem) => !ours.has(stem));
  const onlyOurs = [...ours.keys()].filter((stem) => !theirs.has(stem));
  const resized = [...ours].filter(([stem, bytes]) => theirs.has(stem) && theirs.get(stem) !== bytes);
  const parts = [
    onlyTheirs.length === 0 ? [] : [`the shard that began saw ${listNames(onlyTheirs)}, this one does not`],
    onlyOurs.length === 0 ? [] : [`this one sees ${listNames(onlyOurs)}, the one that began did not`],
    resized.length === 0
      ? []
      : [
          `${listNames(resized.map(([stem]) => stem))} had another number of bytes (is it still being copied?)`,
        ],
  ];
  return `was made of other slides: ${parts.flat().join("; ")}`;
}
