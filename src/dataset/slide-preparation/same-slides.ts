import { stat } from "node:fs/promises";
import { extname } from "node:path";
import { hashFile, isEpSamError } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { kindByExtension } from "../file-kinds.js";
import { type Duplicates, duplicatesOf, pictureKey } from "../preparation/duplicates.js";
import type { NamedSlide } from "./find-slides.js";

/** What names a slide whose pixels lie in other files. */
const OF_SEVERAL_FILES = new Set([".mrxs", ".vms", ".vmu", ".dzi"]);
/** Slides of several files are compared by this many squares a row and column, of so many pixels. */
const SQUARES = 8;
const SQUARE_SIDE = 32;

/**
 * Slides that are the same, by stem. Of one file each: those of the same bytes; slides are large, so only those that have
 * their size in common are read. Of several files (DICOM, MIRAX …): those of the same size whose pixels are the same in
 * squares all over the slide. Links that lead nowhere are left out of account.
 */
export async function sameSlides(
  slides: readonly NamedSlide[],
  open: (path: string) => Promise<PixelSource>,
): Promise<Duplicates> {
  const several = slides.filter(({ path }) => isOfSeveralFiles(path));
  const single = slides.filter(({ path }) => !isOfSeveralFiles(path));
  return [
    ...(await sameOf(single, bytesOf, hashFile)),
    ...(await sameOf(
      several,
      (path) => ofSource(path, open, sizeOf),
      (path) => ofSource(path, open, squaresOf),
    )),
  ];
}

function isOfSeveralFiles(path: string): boolean {
  // What has no slide's extension among slides is a folder or a file of DICOM.
  const kind = kindByExtension(path);
  return kind === "dicom" || kind === "other" || OF_SEVERAL_FILES.has(extname(path).toLowerCase());
}

/** The costly key is made of those alone that have the cheap one in common. */
async function sameOf(
  slides: readonly NamedSlide[],
  cheapKey: (path: string) => Promise<string | null>,
  key: (path: string) => Promise<string | null>,
): Promise<Duplicates> {
  const pathOf = new Map(slides.map(({ stem, path }) => [stem, path]));
  const keysOf = async (stems: Iterable<string>, of: typeof key): Promise<Duplicates> => {
    const keys: [string, string | null][] = [];
    for (const stem of stems) keys.push([stem, await of(pathOf.get(stem) ?? "")]);
    return duplicatesOf(keys);
  };
  return keysOf((await keysOf(pathOf.keys(), cheapKey)).flat(), key);
}

async function bytesOf(path: string): Promise<string | null> {
  const status = await stat(path).catch(() => null);
  return status?.isFile() === true ? String(status.size) : null;
}

/** Null for a slide that cannot be read, which is told where it is examined. */
async function ofSource(
  path: string,
  open: (path: string) => Promise<PixelSource>,
  tell: (source: PixelSource) => Promise<string | null> | string,
): Promise<string | null> {
  try {
    const source = await open(path);
    try {
      return await tell(source);
    } finally {
      await source.close();
    }
  } catch (failure) {
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  }
}

function sizeOf({ levels: [full] }: PixelSource): string {
  return `${full?.width} x ${full?.height}`;
}

async function squaresOf(source: PixelSource): Promise<string | null> {
  const { width = 0, height = 0 } = source.levels[0] ?? {};
  const squares: RgbImage[] = [];
  for (let square = 0; square < SQUARES ** 2; square++) {
    const x = Math.floor((((square % SQUARES) + 0.5) / SQUARES) * width);
    const y = Math.floor(((Math.floor(square / SQUARES) + 0.5) / SQUARES) * height);
    const side = { width: Math.min(SQUARE_SIDE, width - x), height: Math.min(SQUARE_SIDE, height - y) };
    squares.push(await source.readRegion({ origin: { space: "level-0", x, y }, level: 0, ...side }));
  }
  const data = Uint8Array.from(squares.flatMap((square) => [...square.data]));
  return pictureKey({ width: 1, height: data.length / 3, data });
}
