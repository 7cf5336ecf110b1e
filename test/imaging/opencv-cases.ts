import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { type GreyImage, type Mask, resizeMask } from "../../src/imaging/index.js";
import { noiseMask } from "./made-up.js";

/** Blocks of about `grain` pixels, one pixel in twenty turned round. */
export function grainyMask(width: number, height: number, grain: number): Mask {
  const coarse = noiseMask(Math.ceil(width / grain), Math.ceil(height / grain), `grains ${width} ${height}`);
  const { data } = resizeMask(coarse, width, height);
  const specks = deterministicUniform(`specks ${width} ${height}`, data.length, 0, 1);
  return {
    width,
    height,
    data: data.map((value, pixel) => ((specks[pixel] ?? 0) < 0.05 ? 1 - value : value)),
  };
}

export function noiseGrey(width: number, height: number): GreyImage {
  const values = deterministicUniform(`grey ${width} ${height}`, width * height, 0, 256);
  return { width, height, data: Uint8Array.from(values) };
}

/** Width, height, grain. */
export const maskSizes = [
  [1, 1, 1],
  [1, 40, 6],
  [53, 1, 6],
  [6, 5, 2],
  [64, 64, 9],
  [121, 87, 13],
  [300, 211, 31],
] as const;

/** Side of the square, iterations. */
export const squares = [
  [1, 1],
  [3, 1],
  [3, 3],
  [5, 1],
  [7, 2],
  [9, 1],
  [21, 1],
] as const;

export const medianSides = [1, 3, 5, 7, 15, 31] as const;

/** From width and height, to width and height. */
export const resizes = [
  [1, 1, 5, 4],
  [1, 9, 3, 30],
  [12, 1, 31, 2],
  [7, 7, 7, 7],
  [7, 7, 224, 224],
  [10, 10, 300, 300],
  [14, 14, 512, 512],
  [16, 16, 256, 256],
  [32, 32, 384, 384],
  [24, 18, 97, 131],
  [32, 32, 33, 31],
  [97, 131, 24, 18],
  [224, 224, 7, 7],
  [64, 48, 32, 24],
  [65, 48, 33, 24],
  [64, 48, 16, 12],
  [64, 48, 32, 48],
  [64, 48, 96, 24],
  [512, 512, 384, 384],
] as const;
