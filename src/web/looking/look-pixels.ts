import type { PixelChange } from "../viewer/changed-tiles.js";
import type { Look, StainName } from "./look.js";

type Triple = readonly [red: number, green: number, blue: number];

/**
 * Optical densities of the dyes in red, green and blue, as Ruifrok and Johnston measured them (Quantification of
 * histochemical staining by color deconvolution, 2001, table 1).
 */
const DYES = { haematoxylin: [0.65, 0.7, 0.29], eosin: [0.07, 0.99, 0.11] } as const;

/** Steps of density in which a dye's colours are tabulated, and the density that the last one stands for. */
const STEPS = 1024;
const MOST_DENSITY = 3;

/** What a look makes of pixels. */
export function pixelChange(look: Look): PixelChange {
  const tones = toneTable(look);
  return look.stain === "both" ? (pixels) => retone(pixels, tones) : stainChange(look.stain, tones);
}

/** The value that each of the 256 values is shown as. */
export function toneTable({ brightness, contrast, gamma }: Omit<Look, "stain">): Uint8ClampedArray {
  const slope = contrast > 0 ? 1 / (1 - contrast) : 1 + contrast;
  return Uint8ClampedArray.from({ length: 256 }, (_, value) => {
    const changed = (value / 255 - 0.5) * slope + 0.5 + brightness;
    return 255 * Math.min(1, Math.max(0, changed)) ** gamma;
  });
}

function retone(pixels: Uint8ClampedArray, tones: Uint8ClampedArray): void {
  for (let at = 0; at < pixels.length; at += 4) {
    pixels[at] = tones[pixels[at] ?? 0] ?? 0;
    pixels[at + 1] = tones[pixels[at + 1] ?? 0] ?? 0;
    pixels[at + 2] = tones[pixels[at + 2] ?? 0] ?? 0;
  }
}

/**
 * Shows one dye as if it alone were on the slide: densities (Lambert and Beer) are taken apart into haematoxylin, eosin
 * and what neither explains, and the dye's own is turned back into light.
 */
function stainChange(stain: Exclude<StainName, "both">, tones: Uint8ClampedArray): PixelChange {
  const weights = amountWeights(stain);
  const colours = dyeColours(unit(DYES[stain]), tones);
  const amounts = weights.map((weight) =>
    Float32Array.from({ length: 256 }, (_, value) => (weight * density(value) * STEPS) / MOST_DENSITY),
  );
  const [ofRed = new Float32Array(), ofGreen = new Float32Array(), ofBlue = new Float32Array()] = amounts;
  return (pixels) => {
    for (let at = 0; at < pixels.length; at += 4) {
      const amount =
        (ofRed[pixels[at] ?? 0] ?? 0) +
        (ofGreen[pixels[at + 1] ?? 0] ?? 0) +
        (ofBlue[pixels[at + 2] ?? 0] ?? 0);
      const step = 3 * Math.min(STEPS - 1, Math.max(0, Math.round(amount)));
      pixels[at] = colours[step] ?? 0;
      pixels[at + 1] = colours[step + 1] ?? 0;
      pixels[at + 2] = colours[step + 2] ?? 0;
    }
  };
}

/** Optical density of a value; black counts as the darkest grey, since its own is infinite. */
function density(value: number): number {
  return -Math.log10(Math.max(1, value) / 255);
}

/** RGB of each amount of a dye. */
function dyeColours(dye: Triple, tones: Uint8ClampedArray): Uint8ClampedArray {
  const colours = new Uint8ClampedArray(3 * STEPS);
  for (let step = 0; step < STEPS; step++) {
    const amount = (step * MOST_DENSITY) / STEPS;
    for (const [channel, share] of dye.entries()) {
      colours[3 * step + channel] = tones[Math.round(255 * 10 ** (-amount * share))] ?? 0;
    }
  }
  return colours;
}

/**
 * By what densities of red, green and blue are multiplied to give the amount of a dye: its row of the inverse of the
 * matrix of the dyes. The third dye, which stands for what is left, is at right angles to both.
 */
export function amountWeights(stain: Exclude<StainName, "both">): Triple {
  const [haematoxylin, eosin] = [unit(DYES.haematoxylin), unit(DYES.eosin)];
  const rest = unit(cross(haematoxylin, eosin));
  const volume = dot(haematoxylin, cross(eosin, rest));
  const [x, y, z] = stain === "haematoxylin" ? cross(eosin, rest) : cross(rest, haematoxylin);
  return [x / volume, y / volume, z / volume];
}

function unit([red, green, blue]: Triple): Triple {
  const length = Math.hypot(red, green, blue);
  return [red / length, green / length, blue / length];
}

function cross([a, b, c]: Triple, [x, y, z]: Triple): Triple {
  return [b * z - c * y, c * x - a * z, a * y - b * x];
}

function dot([a, b, c]: Triple, [x, y, z]: Triple): number {
  return a * x + b * y + c * z;
}
