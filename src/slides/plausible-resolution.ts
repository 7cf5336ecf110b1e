import type { MicronsPerPixel, SlideFacts } from "./pixel-source.js";

/** Resolutions in microns per pixel that a microscope's scan can have. */
const LEAST_MICRONS = 0.01;
const MOST_MICRONS = 20;
/** Sides of a pixel differ by less than this factor. */
const SQUARE = 1.5;
/** Microns per pixel times the objective's magnification, about, for cameras of all makes. */
const MICRONS_AT_ONE = 10;
/** Beyond this factor there is an adapter between objective and camera, or one of the two numbers is wrong. */
const SAME_SCAN = 1.6;

/**
 * What a file tells of its resolution, as far as a scan can have it: many writers put a screen's or printer's dots per
 * inch there, nanometres, or nothing that was thought about.
 */
export function plausibleResolution({
  micronsPerPixel: told,
  objectivePower: power,
}: Pick<SlideFacts, "micronsPerPixel" | "objectivePower">): {
  readonly micronsPerPixel: MicronsPerPixel | null;
  readonly warnings: readonly string[];
} {
  if (told === null) return { micronsPerPixel: null, warnings: [] };
  const [x, y] = [told.x.toPrecision(4), told.y.toPrecision(4)];
  const isScan = [told.x, told.y].every((microns) => microns >= LEAST_MICRONS && microns <= MOST_MICRONS);
  if (!isScan) {
    return {
      micronsPerPixel: null,
      warnings: [`it claims ${x} × ${y} microns per pixel, which no scan has; they are not used`],
    };
  }
  if (Math.max(told.x / told.y, told.y / told.x) > SQUARE) {
    return {
      micronsPerPixel: told,
      warnings: [`its pixels are ${x} × ${y} microns, by what it tells; a scanner's are square`],
    };
  }
  const usual = power === null || power <= 0 ? told.x : MICRONS_AT_ONE / power;
  if (Math.max(told.x / usual, usual / told.x) <= SAME_SCAN) return { micronsPerPixel: told, warnings: [] };
  const warning = `it claims ${x} microns per pixel and an objective of ${power}×, which has about ${Number(usual.toPrecision(2))}; the microns are used, look at a scale bar or at the size of nuclei before you trust them`;
  return { micronsPerPixel: told, warnings: [warning] };
}
