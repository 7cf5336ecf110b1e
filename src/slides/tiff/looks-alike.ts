import { isEpSamError, isRemotePath, type RandomAccessFile } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type LevelRectangle, readTiles } from "../region.js";
import type { TiffPage } from "./page.js";
import { SegmentReader } from "./segment-reader.js";

/** Windows that are compared along each side, and their side in pixels of the smaller picture. */
const WINDOWS = 4;
const WINDOW_SIDE = 32;
/** Means are taken of squares of this side in the smaller picture, so that compression and resampling do not count. */
const BLOCK_SIDE = 8;
/** Levels (of 255) by which the means of a square may differ, and the share of squares that may differ by more. */
const SAME = 20;
const MOST_DIFFERENT = 0.05;

/**
 * Whether a page is a smaller picture of another: the mean colours of squares all over both are compared. One that
 * cannot be decoded is none.
 * @throws what reading throws other than damage
 */
export async function looksAlike(file: RandomAccessFile, above: TiffPage, page: TiffPage): Promise<boolean> {
  try {
    const [large, small] = [pageGrid(file, above), pageGrid(file, page)];
    const scale = { x: above.width / page.width, y: above.height / page.height };
    let [compared, different] = [0, 0];
    for (const window of windowsOf(page)) {
      const inLarge = scaled(window, scale, above);
      const images = [await readTiles(large, inLarge), await readTiles(small, window)] as const;
      for (const difference of blockDifferences(...images)) {
        compared += 1;
        if (difference > SAME) different += 1;
      }
    }
    return different <= MOST_DIFFERENT * compared;
  } catch (cause) {
    if (isEpSamError(cause, "slide")) return false;
    throw cause;
  }
}

/** A page's tiles or strips for {@link readTiles}. */
export function pageGrid(file: RandomAccessFile, page: TiffPage) {
  const reader = new SegmentReader(file, page);
  const { width, height, segmentation } = page;
  const readTile = (column: number, row: number): Promise<RgbImage | null> => reader.read(column, row);
  const tile = { tileWidth: segmentation.width, tileHeight: segmentation.height };
  return { width, height, ...tile, isRemote: isRemotePath(file.path), readTile };
}

function windowsOf({ width, height }: TiffPage): LevelRectangle[] {
  const along = (extent: number): { start: number; length: number }[] => {
    const length = Math.min(WINDOW_SIDE, extent);
    return Array.from({ length: WINDOWS }, (_, index) => ({
      start: Math.round(((index + 0.5) / WINDOWS) * (extent - length)),
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

/** Of every square of the smaller image: the largest difference of both images' mean colours there. */
function blockDifferences(large: RgbImage, small: RgbImage): number[] {
  const columns = Math.ceil(small.width / BLOCK_SIDE);
  const rows = Math.ceil(small.height / BLOCK_SIDE);
  return Array.from({ length: columns * rows }, (_, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    const means = [large, small].map((image) => blockMean(image, column, row, columns, rows));
    const [one = [], other = []] = means;
    return Math.max(...one.map((value, channel) => Math.abs(value - (other[channel] ?? 0))));
  });
}

function blockMean(image: RgbImage, column: number, row: number, columns: number, rows: number): number[] {
  const at = (index: number, count: number, extent: number): number => Math.floor((index * extent) / count);
  const [left, right] = [at(column, columns, image.width), at(column + 1, columns, image.width)];
  const [top, bottom] = [at(row, rows, image.height), at(row + 1, rows, image.height)];
  const sums = [0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      for (let channel = 0; channel < 3; channel++) {
        sums[channel] = (sums[channel] ?? 0) + (image.data[(y * image.width + x) * 3 + channel] ?? 0);
      }
    }
  }
  return sums.map((sum) => sum / Math.max(1, (right - left) * (bottom - top)));
}
