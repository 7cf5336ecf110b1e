import type { RandomStream } from "../common/index.js";
import { type Mask, type RgbImage, resizeMask, resizeRgb } from "../imaging/index.js";

/** A square part of a patch, and the side that it is brought to, in pixels. */
export interface RandomCut {
  readonly left: number;
  readonly top: number;
  readonly side: number;
  readonly size: number;
}

/**
 * Draws a square of a patch.
 * @param size side that every cut has in the end
 * @param scaleJitter the square is drawn as large as `size` divided by a number between 1 − this and 1 + this, as far
 *   as the patch reaches
 */
export function drawCut(
  { width, height }: { readonly width: number; readonly height: number },
  { size, scaleJitter }: { readonly size: number; readonly scaleJitter: number },
  stream: RandomStream,
): RandomCut {
  const wanted =
    scaleJitter === 0 ? size : Math.round(size / stream.uniform(1 - scaleJitter, 1 + scaleJitter));
  const side = Math.min(wanted, width, height);
  const left = stream.integer(width - side + 1);
  const top = stream.integer(height - side + 1);
  return { left, top, side, size };
}

/** The cut of an image, in the size that cuts have. */
export function cutImage(image: RgbImage, { left, top, side, size }: RandomCut): RgbImage {
  return resizeRgb(image, size, size, "bilinear", { left, top, right: left + side, bottom: top + side });
}

/** The cut of a mask, or of anything else that has one value per pixel; each is the nearest one's. */
export function cutMask(mask: Mask, { left, top, side, size }: RandomCut): Mask {
  const data = new Uint8Array(side * side);
  for (let row = 0; row < side; row++) {
    const start = (top + row) * mask.width + left;
    data.set(mask.data.subarray(start, start + side), row * side);
  }
  return resizeMask({ width: side, height: side, data }, size, size);
}
