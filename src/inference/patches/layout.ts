import type { RasterGrid } from "../../annotations/index.js";
import { EpSamError } from "../../common/index.js";
import { defaultOf, inferenceSettings } from "../../contract/index.js";
import { areaCoverage, type PatchGeometry, readArea } from "../../dataset/index.js";
import type { Level0Box } from "../../geometry/index.js";
import { cutArea, type RgbImage, reflected } from "../../imaging/index.js";
import type { Coverage, PixelSource } from "../../slides/index.js";

const { overlap: overlapSetting } = inferenceSettings.shape;

/** Overlap of neighbouring patches, as a share of their side, unless told otherwise. */
export const DEFAULT_OVERLAP = defaultOf(overlapSetting);

/** How patches lie along one axis of an image and what they weigh there. */
export interface PatchAxis {
  /** First pixel of each patch, ascending; the patches cover the whole extent. */
  readonly starts: readonly number[];
  /** Weights of each patch's pixels inside the image; at every pixel those of all patches sum to one. */
  readonly weights: readonly Float32Array[];
}

/** How overlapping patches lie on a slide or image, in pixels of the resolution they are read at. */
export interface PatchLayout {
  readonly geometry: PatchGeometry;
  /** Size of the slide at that resolution. */
  readonly width: number;
  readonly height: number;
  /** Patches along each axis, and what their columns and rows weigh. */
  readonly columns: PatchAxis;
  readonly rows: PatchAxis;
}

/** One patch of a layout. */
export interface PlacedPatch {
  /** Row by row from 0. */
  readonly index: number;
  /** Top left corner in pixels of the layout. */
  readonly x: number;
  readonly y: number;
}

/** A rectangle in pixels of a layout. */
export interface LayoutArea {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Patches along one axis: the fewest that overlap by at least the given share, spread evenly, so that first and
 * last are flush with the borders. Their weights are raised cosines, normalised at every pixel.
 * @param extent of the image in pixels; one patch that reaches beyond it when it is shorter than the patch
 * @param overlap share of a patch's side, 0 to 0.9
 * @throws EpSamError `usage` when the overlap is out of range.
 */
export function patchAxis(extent: number, patchSize: number, overlap: number): PatchAxis {
  const read = overlapSetting.safeParse(overlap);
  if (!read.success) {
    throw new EpSamError("usage", {
      what: `patches cannot overlap by ${overlap} of their side`,
      where: "`overlap`",
      action: read.error.issues[0]?.message,
    });
  }
  const last = Math.max(0, extent - patchSize);
  const gaps = Math.ceil(last / Math.max(1, Math.floor(patchSize * (1 - overlap))));
  const starts = Array.from({ length: gaps + 1 }, (_, index) =>
    gaps === 0 ? 0 : Math.round((index * last) / gaps),
  );
  return { starts, weights: normalisedWeights(starts, raisedCosine(Math.min(extent, patchSize)), extent) };
}

/** What a patch's pixels weigh along one axis, before the weights of all patches are made to sum to one. */
function raisedCosine(length: number): Float64Array {
  return Float64Array.from({ length }, (_, position) => Math.sin((Math.PI * (position + 0.5)) / length) ** 2);
}

function normalisedWeights(starts: readonly number[], window: Float64Array, extent: number): Float32Array[] {
  const sums = new Float64Array(extent);
  for (const start of starts) {
    for (const [position, weight] of window.entries()) {
      sums[start + position] = (sums[start + position] ?? 0) + weight;
    }
  }
  return starts.map((start) =>
    Float32Array.from(window, (weight, position) => weight / (sums[start + position] ?? 1)),
  );
}

/**
 * Covers a slide, or an image that is one, with the fewest patches that overlap by at least the given share, spread
 * evenly.
 * @throws EpSamError `usage` when the overlap is out of range
 */
export function patchLayout(
  full: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
  overlap: number,
): PatchLayout {
  // A share of a pixel is forgiven, as in preparation: stored levels are rounded down.
  const pixels = (extent: number, pixelSize: number): number =>
    Math.max(1, Math.floor(extent / pixelSize + 0.01));
  const width = pixels(full.width, geometry.pixelSize.x);
  const height = pixels(full.height, geometry.pixelSize.y);
  return {
    geometry,
    width,
    height,
    columns: patchAxis(width, geometry.patchSize, overlap),
    rows: patchAxis(height, geometry.patchSize, overlap),
  };
}

/** All patches of a layout, row by row. */
export function placedPatches({ columns, rows }: PatchLayout): PlacedPatch[] {
  return rows.starts.flatMap((y, row) =>
    columns.starts.map((x, column) => ({ index: row * columns.starts.length + column, x, y })),
  );
}

/** The part of a slide that a patch covers. */
export function patchBox({ geometry, width, height }: PatchLayout, { x, y }: PlacedPatch): Level0Box {
  const { patchSize, pixelSize } = geometry;
  return {
    left: x * pixelSize.x,
    top: y * pixelSize.y,
    right: Math.min(width, x + patchSize) * pixelSize.x,
    bottom: Math.min(height, y + patchSize) * pixelSize.y,
  };
}

/** The pixels of an area as a grid on the slide, for annotations. */
export function rasterGrid({ geometry: { pixelSize } }: PatchLayout, area: LayoutArea): RasterGrid {
  const origin = { space: "level-0", x: area.x * pixelSize.x, y: area.y * pixelSize.y } as const;
  return { origin, pixelSize, width: area.width, height: area.height };
}

/**
 * The pixels of a patch; on a slide that is smaller than a patch they are continued by mirroring.
 * @throws EpSamError `slide` when the file is damaged there
 */
export async function readPlacedPatch(
  source: PixelSource,
  layout: PatchLayout,
  { x, y }: PlacedPatch,
  signal?: AbortSignal,
): Promise<RgbImage> {
  const { patchSize } = layout.geometry;
  const { corner, size } = placeOf(layout, { x, y });
  const image = await readArea(source, corner, size, layout.geometry, signal);
  const isWhole = size.width === patchSize && size.height === patchSize;
  return isWhole ? image : cutPatch(image, 0, 0, patchSize);
}

/** Where the pixels of a patch come from. */
export function placedCoverage(
  source: PixelSource,
  layout: PatchLayout,
  patch: Pick<PlacedPatch, "x" | "y">,
  signal?: AbortSignal,
): Promise<Coverage> {
  const { corner, size } = placeOf(layout, patch);
  return areaCoverage(source, corner, size, layout.geometry, signal);
}

/** Corner in level-0 pixels, and size in a patch's, of what a patch covers of the slide. */
function placeOf({ geometry, width, height }: PatchLayout, { x, y }: Pick<PlacedPatch, "x" | "y">) {
  const { patchSize, pixelSize } = geometry;
  return {
    corner: { x: x * pixelSize.x, y: y * pixelSize.y },
    size: { width: Math.min(patchSize, width), height: Math.min(patchSize, height) },
  };
}

/** The square of an image whose top left corner is at (x, y); beyond the image it is mirrored at the border. */
export function cutPatch(image: RgbImage, x: number, y: number, size: number): RgbImage {
  const isInside = Math.min(x, y) >= 0 && x + size <= image.width && y + size <= image.height;
  if (isInside) return cutArea(image, { left: x, top: y, width: size, height: size });
  const columns = Array.from({ length: size }, (_, offset) => reflected(x + offset, image.width));
  const data = new Uint8Array(size * size * 3);
  let target = 0;
  for (let row = 0; row < size; row++) {
    const line = reflected(y + row, image.height) * image.width;
    for (const column of columns) {
      const source = (line + column) * 3;
      data[target++] = image.data[source] ?? 0;
      data[target++] = image.data[source + 1] ?? 0;
      data[target++] = image.data[source + 2] ?? 0;
    }
  }
  return { width: size, height: size, data };
}
