import type { GreyImage, RgbImage } from "./types.js";

/** Luma (ITU-R 601-2) as Pillow's `convert("L")` computes it. */
export function toGrey(image: RgbImage): GreyImage {
  const { width, height, data: source } = image;
  const data = new Uint8Array(width * height);
  for (let pixel = 0, at = 0; pixel < data.length; pixel++, at += 3) {
    const luma = (source[at] ?? 0) * 19595 + (source[at + 1] ?? 0) * 38470 + (source[at + 2] ?? 0) * 7471;
    data[pixel] = (luma + 0x8000) >> 16;
  }
  return { width, height, data };
}

/** A grey image as RGB, its value in all three channels. */
export function greyToRgb(image: GreyImage): RgbImage {
  const { width, height, data: source } = image;
  const data = new Uint8Array(source.length * 3);
  for (let pixel = 0, at = 0; pixel < source.length; pixel++, at += 3) {
    data.fill(source[pixel] ?? 0, at, at + 3);
  }
  return { width, height, data };
}
