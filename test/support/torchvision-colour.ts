import { EpSamError } from "../../src/common/index.js";
import { greyToRgb, type RgbImage, toGrey } from "../../src/imaging/index.js";

// torchvision's changes of colour on 8 bits, to the bit: what the faster ones of training are compared with.

/** The image without colour, as torchvision's `rgb_to_grayscale` with three output channels. */
export function greyscale(image: RgbImage): RgbImage {
  return greyToRgb(toGrey(image));
}

/** Multiplies the brightness: 0 is black, 1 the same image; torchvision's `adjust_brightness` on 8 bits. */
export function adjustBrightness(image: RgbImage, factor: number): RgbImage {
  requireFactor("brightness", factor);
  return blend(new Uint8Array(image.data.length), image, factor);
}

/** Blends with the mean grey: 0 is flat grey, 1 the same image; torchvision's `adjust_contrast` on 8 bits. */
export function adjustContrast(image: RgbImage, factor: number): RgbImage {
  requireFactor("contrast", factor);
  const grey = toGrey(image).data;
  const mean = Math.floor(grey.reduce((sum, value) => sum + value, 0) / grey.length + 0.5);
  return blend(new Uint8Array(image.data.length).fill(mean), image, factor);
}

/** Blends with the greyscale image: 0 is grey, 1 the same image; torchvision's `adjust_saturation` on 8 bits. */
export function adjustSaturation(image: RgbImage, factor: number): RgbImage {
  requireFactor("saturation", factor);
  return blend(greyscale(image).data, image, factor);
}

function requireFactor(name: string, factor: number): void {
  if (factor >= 0 && Number.isFinite(factor)) return;
  throw new EpSamError("configuration", {
    what: `a ${name} factor cannot be ${factor}`,
    action: "Use a number from 0.",
  });
}

/** `degenerate + factor * (image - degenerate)` in float32, cut to 8 bits as Pillow's `Image.blend` does. */
function blend(degenerate: Uint8Array, image: RgbImage, factor: number): RgbImage {
  const weight = Math.fround(factor);
  const data = new Uint8Array(image.data.length);
  for (let index = 0; index < data.length; index++) {
    const from = degenerate[index] ?? 0;
    const to = image.data[index] ?? 0;
    data[index] = Math.min(Math.max(Math.fround(from + Math.fround(weight * (to - from))), 0), 255);
  }
  return { ...image, data };
}

/**
 * Turns the hue by `turn` of a full circle, through Pillow's 8-bit HSV; torchvision's `adjust_hue`.
 * @throws EpSamError `configuration` when `turn` is outside -0.5 to 0.5.
 */
export function adjustHue(image: RgbImage, turn: number): RgbImage {
  if (!(turn >= -0.5 && turn <= 0.5)) {
    throw new EpSamError("configuration", {
      what: `a hue shift cannot be ${turn}`,
      action: "Use a number from -0.5 to 0.5.",
    });
  }
  const shift = Math.trunc(turn * 255);
  const data = new Uint8Array(image.data.length);
  const pixel: Pixel = [0, 0, 0];
  for (let at = 0; at < data.length; at += 3) {
    toHsv(image.data[at] ?? 0, image.data[at + 1] ?? 0, image.data[at + 2] ?? 0, pixel);
    toRgb((pixel[0] + shift) & 255, pixel[1], pixel[2], pixel);
    data[at] = pixel[0];
    data[at + 1] = pixel[1];
    data[at + 2] = pixel[2];
  }
  return { ...image, data };
}

type Pixel = [number, number, number];

/** Pillow's `rgb2hsv_row`: float32 ratios, each result cut (not rounded) to 8 bits. */
function toHsv(red: number, green: number, blue: number, out: Pixel): void {
  const value = Math.max(red, green, blue);
  const range = value - Math.min(red, green, blue);
  out[2] = value;
  if (range === 0) {
    out[0] = 0;
    out[1] = 0;
    return;
  }
  const fromRed = Math.fround((value - red) / range);
  const fromGreen = Math.fround((value - green) / range);
  const fromBlue = Math.fround((value - blue) / range);
  const sixth =
    red === value
      ? Math.fround(fromBlue - fromGreen)
      : green === value
        ? Math.fround(2 + fromRed - fromBlue)
        : Math.fround(4 + fromGreen - fromRed);
  const hue = Math.fround((sixth / 6 + 1) % 1);
  out[0] = Math.trunc(hue * 255);
  out[1] = Math.trunc(Math.fround(range / value) * 255);
}

/** Pillow's `hsv2rgb_row`. */
function toRgb(hue: number, saturation: number, value: number, out: Pixel): void {
  const position = (hue * 6) / 255;
  const sector = Math.floor(position);
  const fraction = Math.fround(position - sector);
  const strength = Math.fround(saturation / 255);
  const p = Math.round(value * (1 - strength));
  const q = Math.round(value * (1 - Math.fround(strength * fraction)));
  const t = Math.round(value * (1 - strength * (1 - fraction)));
  const [red, green, blue] = sectorColour(sector % 6, value, p, q, t);
  out[0] = red;
  out[1] = green;
  out[2] = blue;
}

function sectorColour(sector: number, v: number, p: number, q: number, t: number): Pixel {
  switch (sector) {
    case 0:
      return [v, t, p];
    case 1:
      return [q, v, p];
    case 2:
      return [p, v, t];
    case 3:
      return [p, q, v];
    case 4:
      return [t, p, v];
    default:
      return [v, p, q];
  }
}
