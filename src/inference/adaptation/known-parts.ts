import { EpSamError, type RandomStream, type RecentlyUsed } from "../../common/index.js";
import { type LabelledSquare, type PatchGeometry, readArea } from "../../dataset/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { pyramidSide } from "../../method/index.js";
import type { PixelSource } from "../../slides/index.js";

/** Pixels of a patch that a part of a square has at most along each side; larger squares are several. */
const LARGEST_PART = 112;
/** Pixels around it that decide what is seen in it. */
const SURROUNDINGS = 64;
/** Parts of which nothing is known, unless told. */
const OTHERS = 24;
/** Parts of a slide at most: their features are kept in memory. */
const MOST_PARTS = 400;

/** Part of a slide whose middle is known. */
export interface KnownPart {
  /** A square with the surroundings of what is known. */
  readonly image: RgbImage;
  /** What is known, in pixels of the image. */
  readonly known: { readonly left: number; readonly top: number; readonly side: number };
  readonly tumour: 0 | 1;
}

/** A part of a slide of which nothing is known; of the size of the known parts. */
export interface UnknownPart {
  readonly image: RgbImage;
}

/** Parts of a slide, all of one size. */
export interface SlideParts {
  readonly parts: readonly KnownPart[];
  readonly others: readonly UnknownPart[];
}

export interface ReadPartsOptions {
  /** Of the parts that are drawn; the first are the same however many are. */
  readonly stream: RandomStream;
  readonly signal?: AbortSignal | undefined;
  /** Images of parts that were read before, which are then the same objects again. */
  readonly kept?: RecentlyUsed<string, RgbImage> | undefined;
  readonly others?: number | undefined;
}

/**
 * Reads labelled squares of a slide with their surroundings, and parts drawn at random, at the resolution of patches.
 * @returns what of squares lies outside the slide is left out
 * @throws EpSamError `slide` when the file is damaged there
 */
export async function readParts(
  source: PixelSource,
  squares: readonly LabelledSquare[],
  geometry: PatchGeometry,
  { stream, signal, kept, others: count = OTHERS }: ReadPartsOptions,
): Promise<SlideParts> {
  const [full] = source.levels;
  const { pixelSize } = geometry;
  const extent = {
    width: Math.floor((full?.width ?? 0) / pixelSize.x),
    height: Math.floor((full?.height ?? 0) / pixelSize.y),
  };
  const cuts = squares.flatMap((square) => partsOf(square, pixelSize, extent));
  const every = Math.ceil(cuts.length / MOST_PARTS);
  const taken = cuts.filter((_, index) => index % every === 0);
  const largest = Math.max(...taken.map(({ side }) => side), 1);
  const side = pyramidSide(largest + 2 * SURROUNDINGS);
  const size = { width: side, height: side };
  const read = (left: number, top: number): Promise<RgbImage> => {
    const fresh = () =>
      readArea(source, { x: left * pixelSize.x, y: top * pixelSize.y }, size, geometry, signal);
    return kept === undefined ? fresh() : kept.load(`${side}/${left}/${top}`, fresh);
  };
  const parts: KnownPart[] = [];
  for (const cut of taken) {
    const left = cornerOf(cut.left, cut.side, side, extent.width);
    const top = cornerOf(cut.top, cut.side, side, extent.height);
    const known = { left: cut.left - left, top: cut.top - top, side: cut.side };
    parts.push({ image: await read(left, top), known, tumour: cut.tumour });
  }
  const others: UnknownPart[] = [];
  const within = (length: number) => stream.integer(Math.max(1, length - side + 1));
  while (parts.length > 0 && others.length < count) {
    others.push({ image: await read(within(extent.width), within(extent.height)) });
  }
  return { parts, others };
}

/** @throws EpSamError `usage` when one of the labels has no squares */
export function requireBothLabels(byLabel: readonly (readonly unknown[])[]): void {
  if (byLabel.every(({ length }) => length > 0)) return;
  throw new EpSamError("usage", {
    where: "`labelledSquares`",
    what: "needs squares of both labels on a slide, of tumour altogether and without",
    action: "Label a few of the other kind, too.",
  });
}

/** A part of a square in pixels of a patch. */
interface Cut {
  readonly left: number;
  readonly top: number;
  readonly side: number;
  readonly tumour: 0 | 1;
}

function partsOf(
  { x, y, size, tumour }: LabelledSquare,
  pixelSize: { readonly x: number; readonly y: number },
  extent: { readonly width: number; readonly height: number },
): Cut[] {
  const left = Math.ceil(x / pixelSize.x);
  const top = Math.ceil(y / pixelSize.y);
  const right = Math.min(extent.width, Math.floor((x + size) / pixelSize.x));
  const bottom = Math.min(extent.height, Math.floor((y + size) / pixelSize.y));
  const side = Math.min(LARGEST_PART, right - left, bottom - top);
  const cuts: Cut[] = [];
  if (side < 1) return cuts;
  for (let row = top; row + side <= bottom; row += side) {
    for (let column = left; column + side <= right; column += side) {
      cuts.push({ left: column, top: row, side, tumour });
    }
  }
  return cuts;
}

/** Where an image begins that has a part in its middle, or as near to it as the slide's border allows. */
function cornerOf(start: number, length: number, side: number, extent: number): number {
  const centred = Math.round(start + length / 2 - side / 2);
  return Math.max(0, Math.min(centred, extent - side));
}
