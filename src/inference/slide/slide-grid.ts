import type { RasterGrid } from "../../annotations/index.js";
import { type PatchGeometry, readArea } from "../../dataset/index.js";
import type { Level0Box } from "../../geometry/index.js";
import type { RgbImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import { cutTile, type TileAxis, tileAxis } from "../tiles.js";

/** How overlapping patches lie on a slide, in pixels of the resolution they are read at. */
export interface SlideGrid {
  readonly geometry: PatchGeometry;
  /** Size of the slide at that resolution. */
  readonly width: number;
  readonly height: number;
  /** Patches along each axis, and what their columns and rows weigh. */
  readonly columns: TileAxis;
  readonly rows: TileAxis;
}

/** One patch of a grid. */
export interface GridPatch {
  /** Row by row from 0. */
  readonly index: number;
  /** Top left corner in pixels of the grid. */
  readonly x: number;
  readonly y: number;
}

/**
 * Covers a slide with patches as an image is covered with tiles: the fewest that overlap by at least the given
 * share, spread evenly.
 * @throws EpSamError `usage` when the overlap is out of range
 */
export function slideGrid(
  full: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
  overlap: number,
): SlideGrid {
  // A share of a pixel is forgiven, as in preparation: stored levels are rounded down.
  const pixels = (extent: number, pixelSize: number): number =>
    Math.max(1, Math.floor(extent / pixelSize + 0.01));
  const width = pixels(full.width, geometry.pixelSize.x);
  const height = pixels(full.height, geometry.pixelSize.y);
  return {
    geometry,
    width,
    height,
    columns: tileAxis(width, geometry.patchSize, overlap),
    rows: tileAxis(height, geometry.patchSize, overlap),
  };
}

/** All patches of a grid, row by row. */
export function gridPatches({ columns, rows }: SlideGrid): GridPatch[] {
  return rows.starts.flatMap((y, row) =>
    columns.starts.map((x, column) => ({ index: row * columns.starts.length + column, x, y })),
  );
}

/** The part of a slide that a patch covers. */
export function patchBox({ geometry, width, height }: SlideGrid, { x, y }: GridPatch): Level0Box {
  const { patchSize, pixelSize } = geometry;
  return {
    left: x * pixelSize.x,
    top: y * pixelSize.y,
    right: Math.min(width, x + patchSize) * pixelSize.x,
    bottom: Math.min(height, y + patchSize) * pixelSize.y,
  };
}

/** A rectangle of the grid's pixels as a grid on the slide, for annotations. */
export function rasterGrid(
  { geometry: { pixelSize } }: SlideGrid,
  area: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): RasterGrid {
  const origin = { space: "level-0", x: area.x * pixelSize.x, y: area.y * pixelSize.y } as const;
  return { origin, pixelSize, width: area.width, height: area.height };
}

/**
 * The pixels of a patch; on a slide that is smaller than a patch they are continued by mirroring.
 * @throws EpSamError `slide` when the file is damaged there
 */
export async function readGridPatch(
  source: PixelSource,
  grid: SlideGrid,
  { x, y }: GridPatch,
  signal?: AbortSignal,
): Promise<RgbImage> {
  const { patchSize, pixelSize } = grid.geometry;
  const size = { width: Math.min(patchSize, grid.width), height: Math.min(patchSize, grid.height) };
  const corner = { x: x * pixelSize.x, y: y * pixelSize.y };
  const image = await readArea(source, corner, size, grid.geometry, signal);
  const isWhole = size.width === patchSize && size.height === patchSize;
  return isWhole ? image : cutTile(image, 0, 0, patchSize);
}
