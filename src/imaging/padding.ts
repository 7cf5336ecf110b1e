import type { RgbImage } from "./types.js";

/**
 * An image made larger at its right and lower side by reflection, the border itself not repeated; the same object when
 * it has the size already.
 */
export function reflectPadded(image: RgbImage, width: number, height: number): RgbImage {
  if (image.width === width && image.height === height) return image;
  const columns = Array.from({ length: width }, (_, x) => reflected(x, image.width));
  const data = new Uint8Array(3 * width * height);
  for (let y = 0, out = 0; y < height; y++) {
    const row = reflected(y, image.height) * image.width;
    for (const column of columns) {
      for (let channel = 0; channel < 3; channel++) {
        data[out++] = image.data[3 * (row + column) + channel] ?? 0;
      }
    }
  }
  return { width, height, data };
}

/** A position from 0 reflected into [0, length) without repeating the border pixel. */
export function reflected(position: number, length: number): number {
  if (length === 1) return 0;
  const period = 2 * (length - 1);
  const within = position % period;
  return within < length ? within : period - within;
}
