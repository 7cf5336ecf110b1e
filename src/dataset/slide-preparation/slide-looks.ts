import { z } from "zod";
import { isEpSamError, mapConcurrently } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { looksOf, type PictureLooks } from "../preparation/duplicates.js";

/** Slides are compared by so many squares a row and column, of so many level-0 pixels. */
const SQUARES = 8;
const SQUARE_SIDE = 32;

/** {@link PictureLooks} as JSON has them: bytes in base 64. */
export const writtenLooksSchema = z.object({
  key: z.string(),
  shape: z.string(),
  cells: z.string().nullable(),
});
type WrittenLooks = z.infer<typeof writtenLooksSchema>;

export function writtenLooks({ key, shape, cells }: PictureLooks): WrittenLooks {
  return { key, shape, cells: cells === null ? null : Buffer.from(cells).toString("base64") };
}

export function readLooks({ key, shape, cells }: WrittenLooks): PictureLooks {
  return { key, shape, cells: cells === null ? null : Buffer.from(cells, "base64") };
}

/**
 * What tells the same slide under several names, whatever its format, metadata and compression: its size and squares all
 * over it. Null for one without colour there, and for one that is damaged there.
 */
export async function slideLooks(source: PixelSource): Promise<PictureLooks | null> {
  const { width = 0, height = 0 } = source.levels[0] ?? {};
  try {
    const looks = looksOf(await squaresOf(source, width, height));
    const shape = `${width} x ${height}`;
    return looks === null ? null : { ...looks, key: `${shape} ${looks.key}`, shape };
  } catch (failure) {
    // A damaged tile matters where patches are read.
    if (isEpSamError(failure, "slide")) return null;
    throw failure;
  }
}

/** Squares side by side, in one picture. */
async function squaresOf(source: PixelSource, width: number, height: number): Promise<RgbImage> {
  const side = Math.min(SQUARE_SIDE, width, height);
  const row = SQUARES * side;
  const data = new Uint8Array(row * row * 3);
  const place = (square: number, extent: number): number =>
    Math.min(Math.floor(((square + 0.5) / SQUARES) * extent), extent - side);
  const squares = Array.from({ length: SQUARES * SQUARES }, (_, index) => index);
  await mapConcurrently(squares, SQUARES, async (index) => {
    const [right, down] = [index % SQUARES, Math.floor(index / SQUARES)];
    const origin = { space: "level-0", x: place(right, width), y: place(down, height) } as const;
    const square = await source.readRegion({ origin, level: 0, width: side, height: side });
    for (let line = 0; line < side; line++) {
      const pixels = square.data.subarray(3 * line * side, 3 * (line + 1) * side);
      data.set(pixels, 3 * ((down * side + line) * row + right * side));
    }
  });
  return { width: row, height: row, data };
}
