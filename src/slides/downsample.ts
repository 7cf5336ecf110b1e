interface Size {
  readonly width: number;
  readonly height: number;
}

/** How far, in pixels, a level may be from the power of two that it is taken to be. */
const ROUNDING_PIXELS = 1;

/**
 * Level-0 pixels per pixel of a level. Stored levels are rounded to whole pixels (40000 / 312 is meant to be
 * 128), so a level within a pixel of a power of two is that power; others are the mean of both sides' ratios,
 * as OpenSlide computes them.
 */
export function levelDownsample(full: Size, level: Size): number {
  const mean = (full.width / level.width + full.height / level.height) / 2;
  const power = 2 ** Math.max(0, Math.round(Math.log2(mean)));
  const near =
    Math.abs(full.width / power - level.width) <= ROUNDING_PIXELS &&
    Math.abs(full.height / power - level.height) <= ROUNDING_PIXELS;
  return near ? power : Math.max(1, mean);
}

/** True when `level` can be a smaller picture of the same field as `full`: the sides' ratios agree. */
export function sameField(full: Size, level: Size): boolean {
  const downsample = levelDownsample(full, level);
  const tolerance = (side: number): number => Math.max(ROUNDING_PIXELS, 0.01 * side);
  return (
    Math.abs(full.width / downsample - level.width) <= tolerance(level.width) &&
    Math.abs(full.height / downsample - level.height) <= tolerance(level.height)
  );
}
