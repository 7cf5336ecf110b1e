import sharp, { type TiffOptions } from "sharp";
import type { RgbImage } from "../../imaging/index.js";

/** A tiled pyramid in TIFF that tells its microns per pixel. */
export function tiledPyramid(
  { width, height, data }: RgbImage,
  micronsPerPixel: { readonly x: number; readonly y: number },
  compression: Pick<TiffOptions, "compression" | "quality">,
): Promise<Buffer> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .tiff({
      ...compression,
      tile: true,
      tileWidth: 256,
      tileHeight: 256,
      pyramid: true,
      resolutionUnit: "cm",
      xres: 1000 / micronsPerPixel.x,
      yres: 1000 / micronsPerPixel.y,
    })
    .toBuffer();
}
