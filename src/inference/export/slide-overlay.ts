import { blendMask, type Colour, type Mask, outlineMask, writePng } from "../../imaging/index.js";
import { type PixelSource, readThumbnail } from "../../slides/index.js";
import { rasterBands, type TiledRaster } from "./raster.js";

/** Green stands out from the pinks and purples of H&E. */
const TUMOUR_COLOUR: Colour = [0, 255, 64];
const DEFAULT_SIZE = 2048;

export interface SlideOverlayOptions {
  /** Longer side of the picture in pixels. Default 2048. */
  readonly size?: number | undefined;
  readonly colour?: Colour | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes a small picture of the slide as PNG, the tumour tinted and outlined. A pixel that holds any tumour shows
 * it, so that the smallest focus is seen.
 * @throws EpSamError `usage` for a size that no thumbnail has, `storage` when the file cannot be written; what
 *   reading the slide and the mask throws
 */
export async function writeSlideOverlay(
  path: string,
  source: PixelSource,
  mask: TiledRaster,
  { size = DEFAULT_SIZE, colour = TUMOUR_COLOUR, signal }: SlideOverlayOptions = {},
): Promise<void> {
  const thumbnail = await readThumbnail(source, size, { signal });
  const [full] = source.levels;
  const scale = {
    x: (mask.downsample * thumbnail.width) / (full?.width ?? 1),
    y: (mask.downsample * thumbnail.height) / (full?.height ?? 1),
  };
  const small = await shrinkMask(mask, thumbnail.width, thumbnail.height, scale, signal);
  const thickness = Math.max(1, Math.round(Math.min(thumbnail.width, thumbnail.height) / 1000));
  await writePng(path, outlineMask(blendMask(thumbnail, small, colour), small, colour, thickness));
}

/** @param scale pixels of the target per pixel of the raster */
async function shrinkMask(
  mask: TiledRaster,
  width: number,
  height: number,
  scale: { readonly x: number; readonly y: number },
  signal: AbortSignal | undefined,
): Promise<Mask> {
  const data = new Uint8Array(width * height);
  const columns = spans(mask.width, scale.x, width);
  const rows = spans(mask.height, scale.y, height);
  for await (const band of rasterBands(mask, signal)) {
    if (band.isZero) continue;
    for (let row = 0; row < band.rows; row++) {
      const y = band.top + row;
      const values = band.data.subarray(row * mask.width, (row + 1) * mask.width);
      for (let target = rows.first[y] ?? 0; target <= (rows.last[y] ?? 0); target++) {
        markRow(values, columns, data.subarray(target * width, (target + 1) * width));
      }
    }
  }
  return { width, height, data };
}

interface Spans {
  readonly first: Int32Array;
  readonly last: Int32Array;
}

/** The target pixels that hold the middle of each pixel, or that it covers when they are smaller. */
function spans(count: number, scale: number, target: number): Spans {
  const clamp = (position: number): number => Math.min(Math.max(Math.floor(position), 0), target - 1);
  const at = (index: number): number => (scale > 1 ? index * scale : (index + 0.5) * scale);
  const end = (index: number): number => (scale > 1 ? Math.max(at(index), at(index + 1) - 1) : at(index));
  return {
    first: Int32Array.from({ length: count }, (_, index) => clamp(at(index))),
    last: Int32Array.from({ length: count }, (_, index) => clamp(end(index))),
  };
}

function markRow(values: Uint8Array, { first, last }: Spans, target: Uint8Array): void {
  for (let column = 0; column < values.length; column++) {
    if (values[column] === 0) continue;
    target.fill(1, first[column], (last[column] ?? 0) + 1);
  }
}
