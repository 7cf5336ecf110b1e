import { EpSamError } from "../../common/index.js";
import {
  BoundarySweep,
  type Level0Polygon,
  maximumDiameter,
  ringOf,
  simplifyRings,
  type TracedComponent,
} from "../../geometry/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import { type RasterBand, rasterBands, type TiledRaster } from "./raster.js";
import type { Focus, TraceFociOptions } from "./types.js";

/**
 * The foci of a mask: connected areas with outline, holes, area, diameter and mean probability, the largest first.
 * Outlines run through the middles of pixel edges, so that exactly the pixels of the mask have their centres
 * inside; simplified, every outline lies within the tolerance of that and crosses neither itself nor its holes.
 * One pass over the raster: memory holds two rows of tiles and the outlines, not the mask.
 * @throws EpSamError `usage` for a tolerance or least area that is negative or no number, `shape` when the
 *   probability is not of the mask's size and tiles; what the rasters throw
 */
export async function traceFoci(mask: TiledRaster, options: TraceFociOptions): Promise<Focus[]> {
  const { probability = null, threshold = 1, minimumArea = 0, micronsPerPixel, onLeftOut, signal } = options;
  requireAmount("the tolerance of outlines", options.tolerance ?? 0);
  requireAmount("the least area of a focus", minimumArea);
  if (probability !== null) requireAlike(mask, probability);
  const unit = micronsPerPixel ?? { x: 1, y: 1 };
  const pixelArea = mask.downsample ** 2 * unit.x * unit.y;
  // Rings are in half pixels of the raster.
  const halfPixel = (mask.downsample / 2) * Math.max(unit.x, unit.y);
  const tolerance = options.tolerance === undefined ? 1 : options.tolerance / halfPixel;
  const foci: Focus[] = [];
  const sweep = new BoundarySweep((component) => {
    if (component.pixels * pixelArea < minimumArea) {
      onLeftOut?.(component.pixels * mask.downsample ** 2);
      return;
    }
    foci.push(focusOf(component, mask.downsample, tolerance, micronsPerPixel, probability !== null));
  });
  const levels = probability === null ? null : rasterBands(probability, signal);
  for await (const band of rasterBands(mask, signal)) {
    const step = levels === null ? null : await levels.next();
    addBand(sweep, band, mask.width, threshold, step === null || step.done === true ? null : step.value);
  }
  sweep.finish();
  return foci.sort((one, other) => other.rasterPixels - one.rasterPixels);
}

function addBand(
  sweep: BoundarySweep,
  band: RasterBand,
  width: number,
  threshold: number,
  levels: RasterBand | null,
): void {
  if (band.isZero) {
    sweep.addEmptyRows(band.rows);
    return;
  }
  for (let row = 0; row < band.rows; row++) {
    const [from, to] = [row * width, (row + 1) * width];
    sweep.addRow(band.data.subarray(from, to), threshold, levels?.data.subarray(from, to) ?? null);
  }
}

function focusOf(
  { outer, holes, pixels, levelSum }: TracedComponent,
  downsample: number,
  tolerance: number,
  micronsPerPixel: MicronsPerPixel | null,
  hasLevels: boolean,
): Focus {
  const level0Area = pixels * downsample ** 2;
  // From half pixels of the raster to level 0, and to microns.
  const scale = downsample / 2;
  const diameterIn = (unit: MicronsPerPixel): number =>
    maximumDiameter(outer, { x: unit.x * scale, y: unit.y * scale });
  return {
    polygon: polygonOf(simplifyRings([outer, ...holes], tolerance), scale),
    rasterPixels: pixels,
    level0Area,
    level0Diameter: diameterIn({ x: 1, y: 1 }),
    areaMicrons: micronsPerPixel === null ? null : level0Area * micronsPerPixel.x * micronsPerPixel.y,
    diameterMicrons: micronsPerPixel === null ? null : diameterIn(micronsPerPixel),
    meanProbability: hasLevels ? levelSum / (255 * pixels) : null,
  };
}

function polygonOf(rings: readonly Int32Array[], scale: number): Level0Polygon {
  const [outer, ...holes] = rings.map((ring) => ringOf(Float64Array.from(ring, (value) => value * scale)));
  if (outer === undefined) throw new RangeError("an area has an outline");
  return { outer, holes };
}

function requireAmount(what: string, value: number): void {
  if (value >= 0 && Number.isFinite(value)) return;
  throw new EpSamError("usage", {
    what: `${value} cannot be ${what}`,
    action: "Give 0 or a positive number.",
  });
}

function requireAlike(mask: TiledRaster, probability: TiledRaster): void {
  const keys = ["width", "height", "tileSize", "downsample"] as const;
  const different = keys.find((key) => mask[key] !== probability[key]);
  if (different === undefined) return;
  throw new EpSamError("shape", {
    what: "the mask and the probability are not of the same raster",
    why: `their ${different} is ${mask[different]} and ${probability[different]}`,
  });
}
