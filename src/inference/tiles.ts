import { EpSamError } from "../common/index.js";
import { defaultOf, inferenceSettings } from "../contract/index.js";
import type { FloatMap, RgbImage } from "../imaging/index.js";

const { overlap: overlapSetting } = inferenceSettings.shape;

/** Overlap of neighbouring tiles, as a share of their side, unless told otherwise. */
export const DEFAULT_OVERLAP = defaultOf(overlapSetting);

/** How tiles lie along one axis of an image and what they weigh there. */
export interface TileAxis {
  /** First pixel of each tile, ascending; the tiles cover the whole extent. */
  readonly starts: readonly number[];
  /** Weights of each tile's pixels inside the image; at every pixel those of all tiles sum to one. */
  readonly weights: readonly Float32Array[];
}

/**
 * Tiles along one axis: the fewest that overlap by at least the given share, spread evenly, so that first and
 * last are flush with the borders. Their weights are raised cosines, normalised at every pixel.
 * @param extent of the image in pixels; one tile that reaches beyond it when it is shorter than the tile
 * @param overlap share of a tile's side, 0 to 0.9
 * @throws EpSamError `usage` when the overlap is out of range.
 */
export function tileAxis(extent: number, tileSize: number, overlap: number): TileAxis {
  const read = overlapSetting.safeParse(overlap);
  if (!read.success) {
    throw new EpSamError("usage", {
      what: `tiles cannot overlap by ${overlap} of their side`,
      where: "`overlap`",
      action: read.error.issues[0]?.message,
    });
  }
  const last = Math.max(0, extent - tileSize);
  const gaps = Math.ceil(last / Math.max(1, Math.floor(tileSize * (1 - overlap))));
  const starts = Array.from({ length: gaps + 1 }, (_, index) =>
    gaps === 0 ? 0 : Math.round((index * last) / gaps),
  );
  return { starts, weights: blendingWeights(starts, Math.min(extent, tileSize), extent) };
}

function blendingWeights(starts: readonly number[], length: number, extent: number): Float32Array[] {
  const window = Float64Array.from(
    { length },
    (_, position) => Math.sin((Math.PI * (position + 0.5)) / length) ** 2,
  );
  const sums = new Float64Array(extent);
  for (const start of starts) {
    for (let i = 0; i < length; i++) sums[start + i] = (sums[start + i] ?? 0) + (window[i] ?? 0);
  }
  return starts.map((start) =>
    Float32Array.from(window, (weight, position) => weight / (sums[start + position] ?? 1)),
  );
}

/** The square of an image whose top left corner is at (x, y); beyond the image it is mirrored at the border. */
export function cutTile(image: RgbImage, x: number, y: number, size: number): RgbImage {
  const columns = Array.from({ length: size }, (_, offset) => mirrored(x + offset, image.width));
  const data = new Uint8Array(size * size * 3);
  let target = 0;
  for (let row = 0; row < size; row++) {
    const line = mirrored(y + row, image.height) * image.width;
    for (const column of columns) {
      const source = (line + column) * 3;
      data[target++] = image.data[source] ?? 0;
      data[target++] = image.data[source + 1] ?? 0;
      data[target++] = image.data[source + 2] ?? 0;
    }
  }
  return { width: size, height: size, data };
}

/** A position reflected into [0, length) without repeating the border pixel. */
function mirrored(position: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const within = position % period;
  return within < length ? within : period - within;
}

/** Where a tile lies in an image and what its columns and rows weigh there. */
export interface TilePlacement {
  readonly x: number;
  readonly y: number;
  readonly columnWeights: Float32Array;
  readonly rowWeights: Float32Array;
}

/** The placements of all tiles of an image, row by row. */
export function placeTiles(
  { width, height }: Pick<RgbImage, "width" | "height">,
  tileSize: number,
  overlap: number,
): TilePlacement[] {
  const columns = tileAxis(width, tileSize, overlap);
  const rows = tileAxis(height, tileSize, overlap);
  return rows.starts.flatMap((y, row) =>
    columns.starts.map((x, column) => ({
      x,
      y,
      columnWeights: columns.weights[column] ?? new Float32Array(0),
      rowWeights: rows.weights[row] ?? new Float32Array(0),
    })),
  );
}

/** Adds a tile's values, times their weights, to a map of the whole image; what lies beyond it is cut off. */
export function addWeighted(target: FloatMap, tile: FloatMap, placement: TilePlacement, factor = 1): void {
  const { x, y, columnWeights, rowWeights } = placement;
  for (const [row, rowWeight] of rowWeights.entries()) {
    const from = row * tile.width;
    const to = (y + row) * target.width + x;
    const weight = rowWeight * factor;
    for (let column = 0; column < columnWeights.length; column++) {
      const value = (tile.data[from + column] ?? 0) * weight * (columnWeights[column] ?? 0);
      target.data[to + column] = (target.data[to + column] ?? 0) + value;
    }
  }
}
