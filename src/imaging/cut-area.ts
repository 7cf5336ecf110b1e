import type { FloatMap, RgbImage } from "./types.js";

/** A rectangle in pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Part of an image or a map, inside it; the same object when that is all of it.
 * @param image with any number of values for each pixel
 */
export function cutArea(image: FloatMap, area: Rectangle): FloatMap;
export function cutArea(image: RgbImage, area: Rectangle): RgbImage;
export function cutArea(
  image: FloatMap | RgbImage,
  { left, top, width, height }: Rectangle,
): { readonly width: number; readonly height: number; readonly data: Float32Array | Uint8Array } {
  if (left === 0 && top === 0 && width === image.width && height === image.height) return image;
  const channels = image.data.length / (image.width * image.height);
  const length = channels * width * height;
  const data = image.data instanceof Float32Array ? new Float32Array(length) : new Uint8Array(length);
  for (let row = 0; row < height; row++) {
    const start = channels * ((top + row) * image.width + left);
    data.set(image.data.subarray(start, start + channels * width), channels * row * width);
  }
  return { width, height, data };
}
