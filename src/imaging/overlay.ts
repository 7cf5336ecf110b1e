import { interpolateViridis } from "d3-scale-chromatic";
import { EpSamError } from "../common/index.js";
import type { FloatMap, Mask, RgbImage } from "./types.js";

/** Red, green and blue, 0 to 255. */
export type Colour = readonly [number, number, number];

/** The viridis colour map: perceptually even, and readable with a colour-vision deficiency. */
const VIRIDIS: readonly Colour[] = Array.from({ length: 256 }, (_, level) =>
  parseColour(interpolateViridis(level / 255)),
);

function parseColour(hexadecimal: string): Colour {
  const value = Number.parseInt(hexadecimal.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** Colours a map by viridis from `low` (dark violet) to `high` (yellow); values outside are clamped. */
export function colourMap(map: FloatMap, low = 0, high = 1): RgbImage {
  const { width, height } = map;
  const data = new Uint8Array(width * height * 3);
  for (const [pixel, value] of map.data.entries()) {
    const level = Math.round(255 * Math.min(Math.max((value - low) / (high - low), 0), 1));
    paint(data, pixel, VIRIDIS[level] ?? [0, 0, 0], 1);
  }
  return { width, height, data };
}

/** Lays `top` over `bottom` with the given opacity (0 to 1). */
export function blendImages(bottom: RgbImage, top: RgbImage, opacity: number): RgbImage {
  requireSameSize(bottom, top);
  const data = bottom.data.map((value, index) =>
    Math.round(value + opacity * ((top.data[index] ?? 0) - value)),
  );
  return { ...bottom, data };
}

/** Opacity of a mask that is shown over its image, so that the tissue stays visible. */
const TINT_OPACITY = 0.3;

/** Tints the foreground of `mask` with `colour` at the given opacity (0 to 1). */
export function blendMask(image: RgbImage, mask: Mask, colour: Colour, opacity = TINT_OPACITY): RgbImage {
  requireSameSize(image, mask);
  const data = image.data.slice();
  for (const [pixel, value] of mask.data.entries()) if (value !== 0) paint(data, pixel, colour, opacity);
  return { ...image, data };
}

/** Draws the outline of `mask`: the foreground pixels within `thickness` steps of the background. */
export function outlineMask(image: RgbImage, mask: Mask, colour: Colour, thickness = 1): RgbImage {
  requireSameSize(image, mask);
  const data = image.data.slice();
  let inside: Uint8Array = mask.data;
  for (let step = 0; step < thickness; step++) {
    const next = innerPixels(inside, mask.width, mask.height);
    for (const [pixel, value] of inside.entries()) {
      if (value !== 0 && next[pixel] === 0) paint(data, pixel, colour, 1);
    }
    inside = next;
  }
  return { ...image, data };
}

/** The foreground pixels whose four neighbours, so far as they exist, are foreground too. */
function innerPixels(mask: Uint8Array, width: number, height: number): Uint8Array {
  return mask.map((value, pixel) => {
    const x = pixel % width;
    const y = (pixel - x) / width;
    const isInner =
      value !== 0 &&
      (x === 0 || mask[pixel - 1] !== 0) &&
      (x === width - 1 || mask[pixel + 1] !== 0) &&
      (y === 0 || mask[pixel - width] !== 0) &&
      (y === height - 1 || mask[pixel + width] !== 0);
    return isInner ? 1 : 0;
  });
}

/** Draws discs of `radius` pixels with a dark rim, so that they show on any ground; points in pixel indices. */
export function drawPoints(
  image: RgbImage,
  points: readonly { readonly x: number; readonly y: number }[],
  colour: Colour,
  radius = 3,
): RgbImage {
  const { width, height } = image;
  const data = image.data.slice();
  for (const point of points) {
    for (let y = clampIndex(point.y - radius, height); y <= clampIndex(point.y + radius, height); y++) {
      for (let x = clampIndex(point.x - radius, width); x <= clampIndex(point.x + radius, width); x++) {
        const distance = Math.hypot(x - point.x, y - point.y);
        if (distance > radius) continue;
        paint(data, y * width + x, distance > radius - 1 && radius > 1 ? [0, 0, 0] : colour, 1);
      }
    }
  }
  return { ...image, data };
}

function clampIndex(position: number, length: number): number {
  return Math.min(Math.max(Math.round(position), 0), length - 1);
}

function paint(data: Uint8Array, pixel: number, colour: Colour, opacity: number): void {
  for (const [channel, value] of colour.entries()) {
    const at = pixel * 3 + channel;
    const old = data[at] ?? 0;
    data[at] = Math.round(old + opacity * (value - old));
  }
}

function requireSameSize(image: RgbImage, other: { readonly width: number; readonly height: number }): void {
  if (image.width === other.width && image.height === other.height) return;
  throw new EpSamError("shape", {
    what: `a ${other.width}x${other.height} overlay does not fit a ${image.width}x${image.height} image`,
  });
}
