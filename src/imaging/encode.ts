import sharp from "sharp";
import { EpSamError, writeFileAtomically } from "../common/index.js";
import type { GreyImage, Mask, RgbImage } from "./types.js";

/**
 * PNG bytes of an RGB image (three channels) or a grey image (one). Masks go through {@link encodeMaskPng}.
 * @throws EpSamError `shape` when the data does not fit the size.
 */
export async function encodePng(image: RgbImage | GreyImage): Promise<Uint8Array> {
  const channels = channelsOf(image);
  const { width, height, data } = image;
  return sharp(data, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? "b-w" : "srgb")
    .png()
    .toBuffer();
}

/** JPEG bytes of an RGB image, for pictures that only people look at. */
export async function encodeJpeg({ width, height, data }: RgbImage, quality = 85): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality })
    .toBuffer();
}

/** PNG bytes of a mask, one channel, 0 for background and 255 for foreground. */
export function encodeMaskPng(mask: Mask): Promise<Uint8Array> {
  return encodePng({ ...mask, data: mask.data.map((value) => (value === 0 ? 0 : 255)) });
}

/**
 * Writes an RGB or grey image as PNG; readers never see half a file.
 * @throws EpSamError `storage` when the file cannot be written.
 */
export async function writePng(path: string, image: RgbImage | GreyImage): Promise<void> {
  await writeFileAtomically(path, await encodePng(image));
}

/** Writes a mask as PNG with the values 0 and 255; see {@link writePng}. */
export async function writeMaskPng(path: string, mask: Mask): Promise<void> {
  await writeFileAtomically(path, await encodeMaskPng(mask));
}

/** 3 for RGB, 1 for grey images and masks. */
export function channelsOf(image: RgbImage | GreyImage | Mask): 1 | 3 {
  const samples = image.data.length / (image.width * image.height);
  if (samples === 1 || samples === 3) return samples;
  throw new EpSamError("shape", {
    what: `${image.data.length} samples do not fill ${image.width}x${image.height} pixels with 1 or 3 channels`,
  });
}
