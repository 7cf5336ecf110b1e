import type { RandomStream } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type NoiseField, noiseTile, TILE } from "./noise.js";

type Triple = readonly [number, number, number];

// Optical-density directions of haematoxylin and eosin (Ruifrok & Johnston 2001, table 1).
const HAEMATOXYLIN: Triple = [0.65, 0.704, 0.286];
const EOSIN: Triple = [0.072, 0.99, 0.105];

/** How one slide was stained and scanned; the patches of a patient share one. */
export interface Staining {
  /** Unit optical-density directions (red, green, blue) of the two stains. */
  readonly haematoxylin: Triple;
  readonly eosin: Triple;
  /** Factors on the amount of each stain. */
  readonly haematoxylinStrength: number;
  readonly eosinStrength: number;
  /** The light that passes where there is no tissue, red, green, blue in 0–255. */
  readonly illumination: Triple;
  /** Weight of the neighbours in the scanner's 3-pixel blur, 0 (sharp) to 0.25. */
  readonly blur: number;
  /** Standard deviation of the camera noise in grey levels. */
  readonly noise: number;
}

/** Staining as the textbook has it. */
export const referenceStaining: Staining = {
  haematoxylin: HAEMATOXYLIN,
  eosin: EOSIN,
  haematoxylinStrength: 1,
  eosinStrength: 1,
  illumination: [246, 244, 247],
  blur: 0.18,
  noise: 2,
};

/** The staining of a random slide: hue, strength, light and sharpness vary as between laboratories. */
export function drawStaining(stream: RandomStream): Staining {
  return {
    haematoxylin: perturbed(HAEMATOXYLIN, 0.05, stream),
    eosin: perturbed(EOSIN, 0.05, stream),
    haematoxylinStrength: stream.uniform(0.85, 1.2),
    eosinStrength: stream.uniform(0.8, 1.25),
    illumination: [stream.uniform(238, 250), stream.uniform(236, 248), stream.uniform(238, 251)],
    blur: stream.uniform(0.12, 0.24),
    noise: stream.uniform(1, 2.5),
  };
}

function perturbed(direction: Triple, amount: number, stream: RandomStream): Triple {
  const [red, green, blue] = direction.map((part) => Math.max(0.01, part + amount * stream.uniform(-1, 1)));
  const vector: Triple = [red ?? 0, green ?? 0, blue ?? 0];
  const length = Math.hypot(...vector);
  return [vector[0] / length, vector[1] / length, vector[2] / length];
}

/** The amounts of the two stains in every pixel, in optical density along their directions (natural logarithm). */
export interface StainMaps {
  readonly width: number;
  readonly height: number;
  readonly haematoxylin: NoiseField;
  readonly eosin: NoiseField;
}

/**
 * Light through stained tissue by the law of Beer and Lambert: `illumination · exp(−(h·H + e·E))` per channel,
 * after the scanner's blur and with camera noise.
 */
export function renderStains(maps: StainMaps, staining: Staining, stream: RandomStream): RgbImage {
  const { width, height } = maps;
  const haematoxylin = blurred(maps.haematoxylin, width, height, staining.blur);
  const eosin = blurred(maps.eosin, width, height, staining.blur);
  const grain = noiseTile(1, stream);
  const data = new Uint8Array(width * height * 3);
  for (let channel = 0; channel < 3; channel++) {
    const ofH = (staining.haematoxylin[channel] ?? 0) * staining.haematoxylinStrength;
    const ofE = (staining.eosin[channel] ?? 0) * staining.eosinStrength;
    const light = staining.illumination[channel] ?? 255;
    const offset = stream.integer(TILE * TILE);
    // The grain's values have a standard deviation of 0.7.
    const amplitude = staining.noise / 0.7;
    for (let y = 0, pixel = 0; y < height; y++) {
      // An odd shift per period keeps the repeated grain from lining up.
      const row = offset + y * TILE + (y >> 8) * 97;
      for (let x = 0; x < width; x++, pixel++) {
        const density = ofH * (haematoxylin[pixel] as number) + ofE * (eosin[pixel] as number);
        const noise = amplitude * (grain[(row + x + (x >> 8) * 5003) & (TILE * TILE - 1)] as number);
        const value = light * Math.exp(-density) + noise + 0.5;
        data[pixel * 3 + channel] = value < 0 ? 0 : Math.min(value, 255);
      }
    }
  }
  return { width, height, data };
}

/** The separable filter [blur, 1 − 2·blur, blur], edges repeated. */
function blurred(field: NoiseField, width: number, height: number, blur: number): NoiseField {
  const centre = 1 - 2 * blur;
  const rows = new Float32Array(field.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const left = field[x > 0 ? i - 1 : i] as number;
      const right = field[x + 1 < width ? i + 1 : i] as number;
      rows[i] = centre * (field[i] as number) + blur * (left + right);
    }
  }
  const both = new Float32Array(field.length);
  for (let i = 0; i < field.length; i++) {
    const above = rows[i >= width ? i - width : i] as number;
    const below = rows[i + width < field.length ? i + width : i] as number;
    both[i] = centre * (rows[i] as number) + blur * (above + below);
  }
  return both;
}
