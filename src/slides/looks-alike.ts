import { isEpSamError } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { type LevelRectangle, readTiles, type TileGrid } from "./region.js";
import { TileCache } from "./tile-cache.js";

/** Windows along each side that are compared, more where those before show nothing; their side in the smaller picture. */
const WINDOWS = [3, 9];
const WINDOW_SIDE = 32;
/** Means are taken of squares of this side in the smaller picture, so that compression and resampling do not count. */
const BLOCK_SIDE = 8;
/** Squares whose samples differ by less than this, of 255, show glass, or nothing. */
const FLAT = 8;
/** Squares that show something and are enough to judge by. */
const ENOUGH = 16;
/** Levels (of 255) by which all of a picture may be brighter or darker: scanners correct colours. */
const MOST_SHIFT = 40;
/** Levels by which a square's mean may differ beyond that, and the share of squares that may differ by more. */
const SAME = 24;
const MOST_DIFFERENT = 0.1;
/** Decoded tiles that are kept between comparisons: each level is compared with the one above and the one below. */
const CACHE_BYTES = 32 * 2 ** 20;

/** A square of both pictures. */
interface Block {
  /** How much brighter the smaller picture is, by channel. */
  readonly shift: readonly number[];
  readonly isFlat: boolean;
}

export interface ComparedPicture {
  readonly width: number;
  readonly height: number;
  /** A rectangle of it; null when the file leaves some of that out. */
  readPixels(rectangle: LevelRectangle): Promise<RgbImage | null>;
}

/**
 * Whether a level is a smaller picture of the one above: the mean colours of squares all over both are compared, and
 * those that either leaves out do not count.
 * @param ifDamaged what to answer for one that cannot be decoded
 * @throws what reading throws other than damage
 */
export async function isLevelOf(
  above: ComparedPicture,
  level: ComparedPicture,
  ifDamaged: boolean,
): Promise<boolean> {
  try {
    let blocks: Block[] = [];
    for (const count of WINDOWS) {
      blocks = await comparedBlocks(above, level, count);
      const shown = blocks.filter(({ isFlat }) => !isFlat);
      if (shown.length >= ENOUGH) return isSame(shown);
    }
    return isSame(blocks);
  } catch (cause) {
    if (isEpSamError(cause, "slide")) return ifDamaged;
    throw cause;
  }
}

/**
 * The levels of a slide, from full to least resolution, without those that show something else than the level above;
 * what cannot be decoded stays, to be told where it is read.
 * @param onLeftOut is told of each that is left out
 */
export async function levelsThatShowTheSame<Level>(
  levels: readonly Level[],
  pictureOf: (level: Level) => ComparedPicture,
  onLeftOut: (level: Level) => void,
): Promise<Level[]> {
  const kept: Level[] = [];
  for (const level of levels) {
    const above = kept.at(-1);
    if (above === undefined || (await isLevelOf(pictureOf(above), pictureOf(level), true))) kept.push(level);
    else onLeftOut(level);
  }
  return kept;
}

/** A grid whose tiles come as wholes. */
type WholeTiles = Omit<TileGrid, "readTile"> & {
  readTile(column: number, row: number): Promise<RgbImage | null>;
};

/** Pictures of tiles; tiles are kept between comparisons, since each level is compared with the one above and below. */
export class TiledPictures {
  readonly #cache = new TileCache(CACHE_BYTES);

  /** @param name tells it from the others of the slide */
  of(name: string, grid: WholeTiles): ComparedPicture {
    const readPixels = async (rectangle: LevelRectangle): Promise<RgbImage | null> => {
      let isWhole = true;
      const readTile = async (column: number, row: number): Promise<RgbImage | null> => {
        const tile = await this.#cache.get(`${name}/${column}/${row}`, () => grid.readTile(column, row));
        isWhole &&= tile !== null;
        return tile;
      };
      const image = await readTiles({ ...grid, readTile }, rectangle);
      return isWhole ? image : null;
    };
    return { width: grid.width, height: grid.height, readPixels };
  }
}

/** The squares of windows all over both pictures, without those that lie in missing tiles of either. */
async function comparedBlocks(
  above: ComparedPicture,
  level: ComparedPicture,
  count: number,
): Promise<Block[]> {
  const scale = { x: above.width / level.width, y: above.height / level.height };
  const blocks: Block[] = [];
  for (const window of windowsOf(level, count)) {
    const large = await above.readPixels(scaled(window, scale, above));
    const small = large === null ? null : await level.readPixels(window);
    if (large !== null && small !== null) blocks.push(...blocksOf(large, small));
  }
  return blocks;
}

function isSame(blocks: readonly Block[]): boolean {
  const shift = [0, 1, 2].map((channel) => medianOf(blocks.map((block) => block.shift[channel] ?? 0)));
  if (shift.some((value) => Math.abs(value) > MOST_SHIFT)) return false;
  const different = blocks.filter((block) =>
    block.shift.some((value, channel) => Math.abs(value - (shift[channel] ?? 0)) > SAME),
  );
  return different.length <= MOST_DIFFERENT * blocks.length;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function windowsOf({ width, height }: ComparedPicture, count: number): LevelRectangle[] {
  const along = (extent: number): { start: number; length: number }[] => {
    const length = Math.min(WINDOW_SIDE, extent);
    return Array.from({ length: count }, (_, index) => ({
      // In steps, so that a window lies in one tile.
      start: Math.floor((((index + 0.5) / count) * (extent - length)) / WINDOW_SIDE) * WINDOW_SIDE,
      length,
    }));
  };
  return along(height).flatMap((down) =>
    along(width).map((across) => ({
      ...{ left: across.start, top: down.start },
      ...{ width: across.length, height: down.length },
    })),
  );
}

function scaled(
  { left, top, width, height }: LevelRectangle,
  scale: { readonly x: number; readonly y: number },
  within: { readonly width: number; readonly height: number },
): LevelRectangle {
  const [x, y] = [Math.floor(left * scale.x), Math.floor(top * scale.y)];
  return {
    ...{ left: x, top: y },
    width: Math.max(1, Math.min(within.width - x, Math.round(width * scale.x))),
    height: Math.max(1, Math.min(within.height - y, Math.round(height * scale.y))),
  };
}

/** Both images in squares, of {@link BLOCK_SIDE} in the smaller one. */
function blocksOf(large: RgbImage, small: RgbImage): Block[] {
  const columns = Math.ceil(small.width / BLOCK_SIDE);
  const rows = Math.ceil(small.height / BLOCK_SIDE);
  return Array.from({ length: columns * rows }, (_, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    const [one, other] = [large, small].map((image) => {
      const at = (place: number, count: number, extent: number): number =>
        Math.floor((place * extent) / count);
      return squareOf(image, {
        ...{ left: at(column, columns, image.width), right: at(column + 1, columns, image.width) },
        ...{ top: at(row, rows, image.height), bottom: at(row + 1, rows, image.height) },
      });
    });
    const shift = [0, 1, 2].map((channel) => (other?.means[channel] ?? 0) - (one?.means[channel] ?? 0));
    return { shift, isFlat: Math.max(one?.range ?? 0, other?.range ?? 0) < FLAT };
  });
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The mean of each channel in a box, and the widest range of one. */
function squareOf(image: RgbImage, { left, top, right, bottom }: Box) {
  const [sums, least, most] = [
    [0, 0, 0],
    [255, 255, 255],
    [0, 0, 0],
  ];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = image.data[(y * image.width + x) * 3 + channel] ?? 0;
        sums[channel] = (sums[channel] ?? 0) + value;
        least[channel] = Math.min(least[channel] ?? 255, value);
        most[channel] = Math.max(most[channel] ?? 0, value);
      }
    }
  }
  const pixels = Math.max(1, (right - left) * (bottom - top));
  const range = Math.max(...most.map((value, channel) => value - (least[channel] ?? 0)));
  return { means: sums.map((sum) => sum / pixels), range };
}
