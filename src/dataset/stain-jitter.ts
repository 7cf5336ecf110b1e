import { must, type RandomStream } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";

/** Optical densities of haematoxylin, eosin and what is left (Ruifrok and Johnston, 2001), red, green, blue. */
const STAINS = [
  [0.65, 0.7, 0.29],
  [0.07, 0.99, 0.11],
  [0.27, 0.57, 0.78],
].map(unitLength);

const UNMIXING = inverse(STAINS);

/** How far stains may vary. */
export interface StainJitter {
  /** Each stain's density is multiplied by a number of 1 ± this. */
  readonly stainScale: number;
  /** A number of ± this is added to each stain's density. */
  readonly stainShift: number;
}

/** An image as if it had been stained a little otherwise: densities of its stains scaled and shifted at random. */
export function jitterStains(
  image: RgbImage,
  { stainScale, stainShift }: StainJitter,
  stream: RandomStream,
): RgbImage {
  if (stainScale === 0 && stainShift === 0) return image;
  const factors = STAINS.map(() => stream.uniform(1 - stainScale, 1 + stainScale));
  const shifts = STAINS.map(() => stream.uniform(-stainShift, stainShift));
  // Unmixing, scaling and mixing are one matrix on densities.
  const mixed = UNMIXING.map((row) =>
    [0, 1, 2].map((colour) =>
      row.reduce(
        (sum, value, stain) => sum + value * (factors[stain] ?? 1) * (STAINS[stain]?.[colour] ?? 0),
        0,
      ),
    ),
  );
  const added = [0, 1, 2].map((colour) =>
    shifts.reduce((sum, shift, stain) => sum + shift * (STAINS[stain]?.[colour] ?? 0), 0),
  );
  const data = new Uint8ClampedArray(image.data.length);
  for (let colour = 0; colour < 3; colour++) {
    const tables = [0, 1, 2].map((from) => powers(mixed[from]?.[colour] ?? 0));
    const factor = 256 * Math.exp(-(added[colour] ?? 0));
    const [ofRed, ofGreen, ofBlue] = [must(tables, 0), must(tables, 1), must(tables, 2)];
    writeColour(image.data, data.subarray(colour), [ofRed.map((light) => factor * light), ofGreen, ofBlue]);
  }
  return { ...image, data: new Uint8Array(data.buffer) };
}

/**
 * Writes every third value. What is added as densities is multiplied as light: tables of powers take the place of an
 * exponential each; in a function of its own the loop is compiled for them, four times as fast.
 */
function writeColour(
  rgb: Uint8Array,
  target: Uint8ClampedArray,
  [ofRed, ofGreen, ofBlue]: readonly [Float64Array, Float64Array, Float64Array],
): void {
  for (let at = 0; at < target.length; at += 3) {
    const light =
      (ofRed[rgb[at] ?? 0] ?? 0) * (ofGreen[rgb[at + 1] ?? 0] ?? 0) * (ofBlue[rgb[at + 2] ?? 0] ?? 0);
    target[at] = light - 1;
  }
}

/** The light that each value of a colour lets through, 1 of 256 at least, to a power. */
function powers(exponent: number): Float64Array {
  return Float64Array.from({ length: 256 }, (_, value) => ((value + 1) / 256) ** exponent);
}

function unitLength(vector: readonly number[]): readonly number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** Of a matrix of three rows, by its adjugate. */
function inverse(matrix: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const at = (row: number, column: number): number => matrix[row % 3]?.[column % 3] ?? 0;
  const cofactor = (row: number, column: number): number =>
    at(row + 1, column + 1) * at(row + 2, column + 2) - at(row + 1, column + 2) * at(row + 2, column + 1);
  const determinant = [0, 1, 2].reduce((sum, column) => sum + at(0, column) * cofactor(0, column), 0);
  return [0, 1, 2].map((row) => [0, 1, 2].map((column) => cofactor(column, row) / determinant));
}
