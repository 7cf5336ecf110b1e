import { EpSamError } from "../common/index.js";
import type { FloatMap, GreyImage, Mask, RgbImage } from "./types.js";

/** The number of {@link applyDihedral} variants. */
export const DIHEDRAL_VARIANTS = 8;

interface Size {
  readonly width: number;
  readonly height: number;
}

type ByteRaster = RgbImage | GreyImage | Mask;
type Samples = Uint8Array | Float32Array;

/** Where a target pixel comes from: `start + x * stepX + y * stepY` is a pixel index in the source. */
interface PixelWalk extends Size {
  readonly start: number;
  readonly stepX: number;
  readonly stepY: number;
}

/**
 * One of the eight flips and right-angle rotations. Variants 0 to 3 turn by that many quarters counterclockwise
 * (as NumPy's `rot90`); 4 to 7 mirror left and right first. Variant 0 is the image itself.
 * @throws EpSamError `internal` when `variant` is not an integer from 0 to 7.
 */
export function applyDihedral(image: FloatMap, variant: number): FloatMap;
export function applyDihedral(image: ByteRaster, variant: number): ByteRaster;
export function applyDihedral(image: ByteRaster | FloatMap, variant: number): ByteRaster | FloatMap {
  const walk = pixelWalk(image, variant);
  const { width, height } = walk;
  if (image.data instanceof Float32Array) {
    const data = new Float32Array(image.data.length);
    copyPixels(image.data, data, walk);
    return { width, height, data };
  }
  const data = new Uint8Array(image.data.length);
  copyPixels(image.data, data, walk);
  return { width, height, data };
}

function copyPixels(source: Samples, target: Samples, walk: PixelWalk): void {
  const { width, height, start, stepX, stepY } = walk;
  const channels = source.length / (width * height);
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0, from = start + y * stepY; x < width; x++, from += stepX) {
      for (let channel = 0; channel < channels; channel++)
        target[out++] = source[from * channels + channel] ?? 0;
    }
  }
}

/** Undoes {@link applyDihedral} of the same variant. */
export function invertDihedral(image: FloatMap, variant: number): FloatMap;
export function invertDihedral(image: ByteRaster, variant: number): ByteRaster;
export function invertDihedral(image: ByteRaster | FloatMap, variant: number): ByteRaster | FloatMap {
  const inverse = inverseDihedral(variant);
  return image.data instanceof Float32Array
    ? applyDihedral({ ...image, data: image.data }, inverse)
    : applyDihedral({ ...image, data: image.data }, inverse);
}

/** The variant that undoes `variant`: mirrorings undo themselves. */
export function inverseDihedral(variant: number): number {
  return requireVariant(variant) < 4 ? (4 - variant) % 4 : variant;
}

/**
 * Where the pixel (x, y) of an image of the given size lies after {@link applyDihedral}.
 * Works for fractional pixel indices too (0 is the centre of the first pixel).
 */
export function dihedralPoint(
  point: { readonly x: number; readonly y: number },
  size: Size,
  variant: number,
): { x: number; y: number } {
  requireVariant(variant);
  let { x, y } = point;
  let { width, height } = size;
  if (variant >= 4) x = width - 1 - x;
  for (let turn = 0; turn < variant % 4; turn++) {
    [x, y] = [y, width - 1 - x];
    [width, height] = [height, width];
  }
  return { x, y };
}

function pixelWalk({ width, height }: Size, variant: number): PixelWalk {
  const turned = requireVariant(variant) % 2 === 1;
  const size = turned ? { width: height, height: width } : { width, height };
  const inverse = inverseDihedral(variant);
  const indexOf = (x: number, y: number) => {
    const source = dihedralPoint({ x, y }, size, inverse);
    return source.y * width + source.x;
  };
  const start = indexOf(0, 0);
  return { ...size, start, stepX: indexOf(1, 0) - start, stepY: indexOf(0, 1) - start };
}

function requireVariant(variant: number): number {
  if (Number.isInteger(variant) && variant >= 0 && variant < DIHEDRAL_VARIANTS) return variant;
  throw new EpSamError("internal", { what: `there is no flip or rotation number ${variant}`, why: "0 to 7" });
}
