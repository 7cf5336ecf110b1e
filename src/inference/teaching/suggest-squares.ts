import { type LabelledSquare, readArea } from "../../dataset/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { TILE_SIDE } from "./seen-tiles.js";
import type { MapTile, SlideTeacher } from "./slide-teacher.js";
import { MAP_STEP } from "./taught-model.js";

/** Squares that are suggested at a time. */
const SUGGESTIONS = 3;
/** Candidates whose pixels are looked at, at most. */
const LOOKED_AT = 24;
/** Least mean chroma, the difference between the highest and the lowest colour of a pixel, of 255: glass has none. */
const LEAST_CHROMA = 15;

/** A square that is worth a label. */
export interface SuggestedSquare {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  /** Mean probability of tumour in it. */
  readonly probability: number;
}

/** What squares are suggested for. */
export interface SuggestionRequest {
  /** Those that taught. */
  readonly squares: readonly LabelledSquare[];
  /** Of the slide, in level-0 pixels. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Side of a square in level-0 pixels. */
  readonly size: number;
}

/** Squares of tissue in a box of which the map is least sure, apart from each other and from those that are labelled. */
export async function suggestSquares(
  teacher: SlideTeacher,
  source: PixelSource,
  { squares, box, size }: SuggestionRequest,
): Promise<SuggestedSquare[]> {
  const taken: { readonly x: number; readonly y: number; readonly size: number }[] = [...squares];
  const found: SuggestedSquare[] = [];
  const candidates = await candidatesIn(teacher, squares, box, size);
  let looked = 0;
  for (const candidate of candidates) {
    if (found.length === SUGGESTIONS || looked === LOOKED_AT) break;
    if (taken.some((other) => overlaps(other, candidate))) continue;
    looked += 1;
    if (!(await isTissue(source, teacher, candidate))) continue;
    found.push(candidate);
    taken.push(candidate);
  }
  return found;
}

/** The least sure first; those that are as sure in the order of the slide. */
async function candidatesIn(
  teacher: SlideTeacher,
  squares: readonly LabelledSquare[],
  box: SuggestionRequest["box"],
  size: number,
): Promise<SuggestedSquare[]> {
  const { extent, geometry } = teacher;
  const { x: pixel } = geometry.pixelSize;
  const side = Math.max(1, Math.round(size / pixel / MAP_STEP));
  const step = Math.max(1, Math.round(side / 2));
  // In pixels of the map, inside box and slide.
  const range = (start: number, length: number, limit: number) => {
    const first = Math.max(0, Math.ceil(start / pixel / MAP_STEP));
    const last =
      Math.min(Math.floor(limit / MAP_STEP), Math.floor((start + length) / pixel / MAP_STEP)) - side;
    return Array.from(
      { length: Math.max(0, Math.floor((last - first) / step) + 1) },
      (_, i) => first + i * step,
    );
  };
  const [rows, columns] = [range(box.y, box.height, extent.height), range(box.x, box.width, extent.width)];
  const at = await mapOf(teacher, squares, columns, rows, side);
  const candidates: SuggestedSquare[] = [];
  for (const top of rows) {
    for (const left of columns) {
      let sum = 0;
      for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) sum += at(x, y);
      const probability = sum / (side * side * 255);
      candidates.push({ x: left * MAP_STEP * pixel, y: top * MAP_STEP * pixel, size, probability });
    }
  }
  const sureness = ({ probability }: SuggestedSquare) => Math.abs(probability - 0.5);
  return candidates.sort((a, b) => sureness(a) - sureness(b));
}

/** The map's value, 0 to 255, at places in the tiles that squares from these corners lie in. */
async function mapOf(
  teacher: SlideTeacher,
  squares: readonly LabelledSquare[],
  columns: readonly number[],
  rows: readonly number[],
  side: number,
): Promise<(x: number, y: number) => number> {
  const perTile = TILE_SIDE / MAP_STEP;
  const tilesOf = (corners: readonly number[]) =>
    new Set(corners.flatMap((corner) => [corner, corner + side - 1].map((at) => Math.floor(at / perTile))));
  const tiles = new Map<string, MapTile>();
  for (const row of tilesOf(rows)) {
    for (const column of tilesOf(columns)) {
      tiles.set(`${column}/${row}`, await teacher.map(squares, { column, row }, 2));
    }
  }
  return (x, y) => {
    const tile = tiles.get(`${Math.floor(x / perTile)}/${Math.floor(y / perTile)}`);
    return tile?.data[(y % perTile) * tile.width + (x % perTile)] ?? 0;
  };
}

function overlaps(
  one: Omit<SuggestedSquare, "probability">,
  other: Omit<SuggestedSquare, "probability">,
): boolean {
  const along = (a: number, sizeA: number, b: number, sizeB: number) => a < b + sizeB && b < a + sizeA;
  return along(one.x, one.size, other.x, other.size) && along(one.y, one.size, other.y, other.size);
}

async function isTissue(
  source: PixelSource,
  { geometry }: SlideTeacher,
  { x, y, size }: SuggestedSquare,
): Promise<boolean> {
  const side = Math.max(1, Math.round(size / geometry.pixelSize.x));
  const image = await readArea(source, { x, y }, { width: side, height: side }, geometry);
  return meanChroma(image) >= LEAST_CHROMA;
}

function meanChroma({ data }: RgbImage): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 3) {
    const [red = 0, green = 0, blue = 0] = data.subarray(at, at + 3);
    sum += Math.max(red, green, blue) - Math.min(red, green, blue);
  }
  return (3 * sum) / data.length;
}
