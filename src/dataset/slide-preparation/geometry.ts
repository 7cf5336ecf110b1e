import type { RasterGrid } from "../../annotations/index.js";
import { type ResampleBox, type RgbImage, resizeRgb } from "../../imaging/index.js";
import type { Coverage, MicronsPerPixel, PixelSource, Region, SlideLevel } from "../../slides/index.js";
import { latticeAlong, type PatchPosition } from "../preparation/lattice.js";
import type { BorderRule } from "../preparation/options.js";
import type { Acceptance } from "../preparation/source.js";
import type { Resolution } from "./options.js";

/** More enlargement than this invents detail. */
const LEAST_SCALE = 0.9;
/** Share of a patch's pixel by which its resolution may differ from a level's and still be taken as it is. */
const EXACT = 0.5;

/** How patches of one slide are read. */
export interface PatchGeometry {
  /** Width and height of a patch in its own pixels. */
  readonly patchSize: number;
  /** The level read. */
  readonly level: number;
  /** Level-0 pixels per pixel of that level. */
  readonly downsample: number;
  /** Level-0 pixels per pixel of a patch; equal to `downsample` when the level is taken as it is. */
  readonly pixelSize: { readonly x: number; readonly y: number };
  /** Microns per pixel of a patch; null when the slide's are not known. */
  readonly mpp: number | null;
}

/** Decides how patches of a slide are read, or why they cannot be. */
export function patchGeometry(
  source: Pick<PixelSource, "levels">,
  resolution: Resolution,
  micronsPerPixel: MicronsPerPixel | null,
  patchSize: number,
): Acceptance<PatchGeometry> {
  if ("level" in resolution) {
    const level = source.levels[resolution.level];
    if (level === undefined) {
      return { refused: `has no level ${resolution.level}, its levels are 0 to ${source.levels.length - 1}` };
    }
    return { accepted: levelGeometry(level, resolution.level, micronsPerPixel, patchSize) };
  }
  if (micronsPerPixel === null) {
    return { refused: "does not tell its microns per pixel; give them with `mppTable`" };
  }
  const pixelSize = { x: resolution.mpp / micronsPerPixel.x, y: resolution.mpp / micronsPerPixel.y };
  const scale = Math.min(pixelSize.x, pixelSize.y);
  if (scale < LEAST_SCALE) {
    const finest = Math.max(micronsPerPixel.x, micronsPerPixel.y);
    return { refused: `has ${finest} µm per pixel at best, too coarse for patches at ${resolution.mpp}` };
  }
  const level = source.levels.findLastIndex(
    ({ downsample }) => downsample <= scale * (1 + EXACT / patchSize),
  );
  const downsample = source.levels[level]?.downsample ?? 1;
  const isExact = [pixelSize.x, pixelSize.y].every(
    (size) => Math.abs(size / downsample - 1) * patchSize < EXACT,
  );
  return {
    accepted: {
      patchSize,
      level: Math.max(0, level),
      downsample,
      pixelSize: isExact ? { x: downsample, y: downsample } : pixelSize,
      mpp: resolution.mpp,
    },
  };
}

function levelGeometry(
  { downsample }: SlideLevel,
  level: number,
  micronsPerPixel: MicronsPerPixel | null,
  patchSize: number,
): PatchGeometry {
  const mpp = micronsPerPixel === null ? null : ((micronsPerPixel.x + micronsPerPixel.y) / 2) * downsample;
  return { patchSize, level, downsample, pixelSize: { x: downsample, y: downsample }, mpp };
}

/** Corners of all patches of a slide in level-0 pixels, row by row. */
export function slideLattice(
  full: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
  rule: { readonly stride: number; readonly border: BorderRule },
): PatchPosition[] {
  const along = (extent: number, pixelSize: number): number[] => {
    // A share of a pixel is forgiven: stored levels are rounded down.
    const pixels = Math.floor(extent / pixelSize + 0.01);
    return latticeAlong(pixels, geometry.patchSize, rule.stride, rule.border).map((start) =>
      cornerAt(start, pixelSize),
    );
  };
  const columns = along(full.width, geometry.pixelSize.x);
  return along(full.height, geometry.pixelSize.y).flatMap((y) => columns.map((x) => ({ x, y })));
}

/** The first whole level-0 pixel in a pixel of another size. */
function cornerAt(pixel: number, pixelSize: number): number {
  return Math.max(0, Math.ceil(pixel * pixelSize - 1e-6));
}

/** The pixels of a patch as a grid on the slide, for its annotation. */
export function gridOf({ x, y }: PatchPosition, geometry: PatchGeometry): RasterGrid {
  const { patchSize, pixelSize } = geometry;
  const origin = isResampled(geometry)
    ? { x, y }
    : { x: Math.floor(x / pixelSize.x) * pixelSize.x, y: Math.floor(y / pixelSize.y) * pixelSize.y };
  return { origin: { space: "level-0", ...origin }, pixelSize, width: patchSize, height: patchSize };
}

function isResampled({ pixelSize, downsample }: PatchGeometry): boolean {
  return pixelSize.x !== downsample || pixelSize.y !== downsample;
}

/**
 * The pixels of a patch, `patchSize` × `patchSize`: those of the level, or resampled from it as Pillow does
 * (bilinear, antialiased), with the pixels around the patch where the filter reaches.
 * @throws EpSamError `slide` when the file is damaged there
 */
export function readPatch(
  source: PixelSource,
  position: PatchPosition,
  geometry: PatchGeometry,
  signal?: AbortSignal,
): Promise<RgbImage> {
  const { patchSize } = geometry;
  return readArea(source, position, { width: patchSize, height: patchSize }, geometry, signal);
}

/**
 * As {@link readPatch}, of any size in a patch's pixels.
 * @param position corner in level-0 pixels; may lie between two of them
 */
export async function readArea(
  source: PixelSource,
  position: PatchPosition,
  size: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
  signal?: AbortSignal,
): Promise<RgbImage> {
  const { region, box } = regionOf(source, position, size, geometry);
  const image = await source.readRegion(region, { signal });
  return box === null ? image : resizeRgb(image, size.width, size.height, "bilinear", box);
}

/** Where the pixels of an area come from, which {@link readArea} reads. */
export async function areaCoverage(
  source: PixelSource,
  position: PatchPosition,
  size: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
  signal?: AbortSignal,
): Promise<Coverage> {
  const { region } = regionOf(source, position, size, geometry);
  return (await source.coverage?.(region, { signal })) ?? "stored";
}

/** What is read of the level for an area, and the box of it that is resampled; null where it is taken as it is. */
function regionOf(
  source: PixelSource,
  { x, y }: PatchPosition,
  size: { readonly width: number; readonly height: number },
  geometry: PatchGeometry,
): { readonly region: Region; readonly box: ResampleBox | null } {
  const { level, downsample, pixelSize } = geometry;
  const at = (left: number, top: number, width: number, height: number): Region => {
    const origin = { space: "level-0", x: cornerAt(left, downsample), y: cornerAt(top, downsample) } as const;
    return { origin, level, width, height };
  };
  if (!isResampled(geometry)) {
    // A corner that is a multiple of the downsample may come out a rounding error below.
    const pixel = (position: number): number => Math.floor(position / downsample + 1e-6);
    return { region: at(pixel(x), pixel(y), size.width, size.height), box: null };
  }
  const { width = 0, height = 0 } = source.levels[level] ?? {};
  const across = stretch(x, size.width * pixelSize.x, pixelSize.x, downsample, width);
  const down = stretch(y, size.height * pixelSize.y, pixelSize.y, downsample, height);
  const box = { left: across.begin, top: down.begin, right: across.end, bottom: down.end };
  return { region: at(across.first, down.first, across.count, down.count), box };
}

/** Level pixels to read along one axis, and where in them the patch begins and ends. */
function stretch(start: number, length: number, pixelSize: number, downsample: number, extent: number) {
  const margin = Math.ceil(pixelSize / downsample) + 1;
  const begin = start / downsample;
  const end = Math.min(extent, (start + length) / downsample);
  const first = Math.max(0, Math.floor(begin) - margin);
  const count = Math.min(extent, Math.ceil(end) + margin) - first;
  return { first, count, begin: begin - first, end: end - first };
}
