/**
 * Colour adjustments of torchvision (`torchvision.transforms.functional`) on float pixels, in place.
 * Pixels are RGB interleaved with values 0–255; each adjustment clamps to that range and does not round.
 */

const RED = 0.2989;
const GREEN = 0.587;
const BLUE = 0.114;

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 255);
}

/** Blends with black: `factor · pixel`. */
export function adjustBrightness(pixels: Float32Array, factor: number): void {
  for (let i = 0; i < pixels.length; i++) pixels[i] = clamp(factor * (pixels[i] as number));
}

/** Blends with the mean luminance of the whole image. */
export function adjustContrast(pixels: Float32Array, factor: number): void {
  let sum = 0;
  for (let i = 0; i < pixels.length; i += 3) sum += luminanceAt(pixels, i);
  const shift = (1 - factor) * (sum / (pixels.length / 3));
  for (let i = 0; i < pixels.length; i++) pixels[i] = clamp(factor * (pixels[i] as number) + shift);
}

/** Blends with each pixel's own luminance. */
export function adjustSaturation(pixels: Float32Array, factor: number): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const shift = (1 - factor) * luminanceAt(pixels, i);
    pixels[i] = clamp(factor * (pixels[i] as number) + shift);
    pixels[i + 1] = clamp(factor * (pixels[i + 1] as number) + shift);
    pixels[i + 2] = clamp(factor * (pixels[i + 2] as number) + shift);
  }
}

/** Replaces each pixel by its luminance. */
export function toGreyscale(pixels: Float32Array): void {
  for (let i = 0; i < pixels.length; i += 3) pixels.fill(luminanceAt(pixels, i), i, i + 3);
}

function luminanceAt(pixels: Float32Array, i: number): number {
  return RED * (pixels[i] as number) + GREEN * (pixels[i + 1] as number) + BLUE * (pixels[i + 2] as number);
}

/** Turns the hue of every pixel in the hue–saturation–value cone by `shift` turns, −0.5 ≤ shift ≤ 0.5. */
export function adjustHue(pixels: Float32Array, shift: number): void {
  for (let i = 0; i < pixels.length; i += 3) {
    const red = pixels[i] as number;
    const green = pixels[i + 1] as number;
    const blue = pixels[i + 2] as number;
    const value = Math.max(red, green, blue);
    const chroma = value - Math.min(red, green, blue);
    if (chroma === 0) continue;
    const sextant =
      value === red
        ? (green - blue) / chroma
        : value === green
          ? 2 + (blue - red) / chroma
          : 4 + (red - green) / chroma;
    const unwrapped = sextant + 6 * shift;
    // Conditionals instead of a floating-point remainder, which costs as much as all the rest.
    const turned = unwrapped < 0 ? unwrapped + 6 : unwrapped < 6 ? unwrapped : unwrapped - 6;
    pixels[i] = channelOfHue(value, chroma, turned + 5);
    pixels[i + 1] = channelOfHue(value, chroma, turned + 3);
    pixels[i + 2] = channelOfHue(value, chroma, turned + 1);
  }
}

/** HSV to one RGB channel: `value − chroma · clamp(min(k, 4 − k), 0, 1)`, k the angle in sextants modulo 6. */
function channelOfHue(value: number, chroma: number, angle: number): number {
  const k = angle < 6 ? angle : angle - 6;
  const ramp = Math.min(k, 4 - k);
  return value - chroma * (ramp < 0 ? 0 : Math.min(ramp, 1));
}
