/**
 * An 8-bit single-channel raster of a slide, read tile by tile: a mask (0 background, 255 foreground) or a
 * probability or activation map (0 to 255 for 0 to 1). Its top left corner is the slide's.
 */
export interface TiledRaster {
  /** Size in pixels of the raster. */
  readonly width: number;
  readonly height: number;
  /** Side of the square tiles, a multiple of 16. */
  readonly tileSize: number;
  /** Level-0 pixels per pixel of the raster, at least 1; need not be whole. */
  readonly downsample: number;
  /**
   * One tile, row-major, always `tileSize * tileSize` long; what lies beyond the raster's edge is not looked at.
   * Null when the tile is zero throughout. Exporters ask row by row from the top, from left to right in each.
   * @param column,row in tiles
   */
  readTile(column: number, row: number): Promise<Uint8Array | null>;
}

/** Size of a raster in tiles. */
export function tileGrid({ width, height, tileSize }: TiledRaster): { columns: number; rows: number } {
  return { columns: Math.ceil(width / tileSize), rows: Math.ceil(height / tileSize) };
}

/** A full-width band of a raster: `rows` rows of `width` pixels from `top` on. */
export interface RasterBand {
  readonly top: number;
  readonly rows: number;
  /** `rows * width` values, row-major; overwritten when the next band is read. */
  readonly data: Uint8Array;
  /** No tile of the band holds anything. */
  readonly isZero: boolean;
}

/** The raster's tile rows from the top, one in memory at a time. */
export async function* rasterBands(raster: TiledRaster, signal?: AbortSignal): AsyncGenerator<RasterBand> {
  const { width, height, tileSize } = raster;
  const { columns, rows: tileRows } = tileGrid(raster);
  const data = new Uint8Array(width * Math.min(tileSize, height));
  let isZero = true;
  for (let tileRow = 0; tileRow < tileRows; tileRow++) {
    signal?.throwIfAborted();
    const top = tileRow * tileSize;
    const rows = Math.min(tileSize, height - top);
    // What the last band left behind; nothing to do between bands of zeros.
    if (!isZero) data.fill(0);
    isZero = true;
    for (let column = 0; column < columns; column++) {
      const tile = await raster.readTile(column, tileRow);
      if (tile === null) continue;
      isZero = false;
      copyTile(tile, tileSize, data, width, column * tileSize, rows);
    }
    yield { top, rows, data: data.subarray(0, rows * width), isZero };
  }
}

function copyTile(
  tile: Uint8Array,
  tileSize: number,
  band: Uint8Array,
  width: number,
  left: number,
  rows: number,
): void {
  const columns = Math.min(tileSize, width - left);
  for (let row = 0; row < rows; row++) {
    band.set(tile.subarray(row * tileSize, row * tileSize + columns), row * width + left);
  }
}

/** A raster that is held in memory whole, such as a result of an image of ordinary size. */
export function rasterOf(
  image: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  downsample = 1,
  tileSize = 512,
): TiledRaster {
  const { width, height, data } = image;
  return {
    width,
    height,
    tileSize,
    downsample,
    readTile: async (column, row) => {
      const tile = new Uint8Array(tileSize * tileSize);
      const [left, top] = [column * tileSize, row * tileSize];
      const columns = Math.min(tileSize, width - left);
      for (let y = 0; y < Math.min(tileSize, height - top); y++) {
        const from = (top + y) * width + left;
        tile.set(data.subarray(from, from + columns), y * tileSize);
      }
      return tile.some((value) => value !== 0) ? tile : null;
    },
  };
}
